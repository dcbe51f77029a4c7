"""Sharing of lists with others: what is published, and what each consumer may pull of it."""

from . import ncmec, taxii
from .deciding import decide_feedback, sharing_facts
from .feed import MEDIA_TYPE as FEED_MEDIA_TYPE
from .feed import feed_body, feed_digest, parse_cursor, write_feed
from .membership import MAX_ASKED, Evaluator, Question
from .publishing import RefusedList, publish_changes, publish_list, require_shareable
from .pulling import Pull, Pulled, SharedList, Sharing, parse_moment

__all__ = [
    "FEED_MEDIA_TYPE",
    "MAX_ASKED",
    "Evaluator",
    "Pull",
    "Pulled",
    "Question",
    "RefusedList",
    "SharedList",
    "Sharing",
    "decide_feedback",
    "feed_body",
    "feed_digest",
    "ncmec",
    "parse_cursor",
    "parse_moment",
    "publish_changes",
    "publish_list",
    "require_shareable",
    "sharing_facts",
    "taxii",
    "write_feed",
]
