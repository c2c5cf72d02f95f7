"""What talks to the world: each adapter implements a port of `governor.app.ports`."""
