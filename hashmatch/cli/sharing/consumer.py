"""`hashmatch sharing consumer`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..output import say


@click.command("consumer")
@click.argument("name")
@click.option(
    "--list", "lists", multiple=True, required=True, help="A list that it may pull; repeatable."
)
@click.option(
    "--category",
    "categories",
    multiple=True,
    help="A category whose entries it may see; repeatable, by default all.",
)
@click.option(
    "--member",
    "members",
    multiple=True,
    help="The id of a member whose entries it may see; repeatable, by default all.",
)
@click.option(
    "--private",
    "is_private",
    is_flag=True,
    help="It is given no hash, and may only ask whether it has one that is listed.",
)
@pass_app
def command(
    app: App,
    name: str,
    lists: tuple[str, ...],
    categories: tuple[str, ...],
    members: tuple[str, ...],
    *,
    is_private: bool,
) -> None:
    """Register a consumer, or change what one may see.

    What it pulled before under other conditions it has to pull from the beginning.
    """
    from hashmatch.sharing import require_shareable
    from hashmatch.store.sharing import save_consumer

    settings = app.settings
    with app.database() as database, database.writing() as session:
        for one in lists:
            require_shareable(session, settings, one)
        found = save_consumer(
            session,
            name,
            lists=lists,
            categories=categories,
            members=members,
            is_private=is_private,
        )
    say(f"consumer {name} may pull {', '.join(found.lists)}")
    if not found.tokens:
        say(f"next: hashmatch sharing token {name}")
