"""Commands whose `--help` lists the settings that they read."""

import click


class SettingsCommand(click.Command):
    """A command that is told everything through `GOVERNOR_*` variables."""

    settings = "Settings"
    """Which of the kinds in `governor.settings` it reads."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Adds each variable with its default after the options."""
        from governor import settings  # noqa: PLC0415 - only this page needs it

        super().format_options(ctx, formatter)
        with formatter.section("Settings, from the environment"):
            formatter.write_dl(
                [
                    (name, f"{text} [{default}]" if default else text)
                    for name, default, text in settings.describe(getattr(settings, self.settings))
                ]
            )


class DatabaseSettingsCommand(SettingsCommand):
    """A command that only needs the database."""

    settings = "DatabaseSettings"
