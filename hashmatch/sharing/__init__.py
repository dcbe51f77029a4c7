"""Sharing of lists: publication, what consumers may pull, and what is sent to exchanges."""

from . import ncmec, taxii
from .deciding import decide_feedback, sharing_facts
from .exchanges import Sent, exchange_facts, open_exchange, resend, send_to_exchange, unsent_facts
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
    "Sent",
    "SharedList",
    "Sharing",
    "decide_feedback",
    "exchange_facts",
    "feed_body",
    "feed_digest",
    "ncmec",
    "open_exchange",
    "parse_cursor",
    "parse_moment",
    "publish_changes",
    "publish_list",
    "require_shareable",
    "resend",
    "send_to_exchange",
    "sharing_facts",
    "taxii",
    "unsent_facts",
    "write_feed",
]
