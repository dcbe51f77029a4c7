"""`hashmatch sharing`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "sharing",
    __name__,
    "Share lists with others, and contribute confirmed cases to own lists.",
    {
        "status": "Show which lists are shared, and why others are not.",
        "consumers": "Show who may pull lists, and with which tokens.",
        "consumer": "Register a consumer, or change what one may see.",
        "token": "Create a token for a consumer and print it, once.",
        "remove": "Remove a consumer and revoke its tokens.",
        "feedback": "Show what consumers said about entries, the oldest first.",
        "decide": "Accept or decline feedback.",
        "contribute": "Add the hashes of a confirmed case to an own list.",
        "contributions": "Show what was contributed or proposed, the newest first.",
        "approve": "Agree to a contribution that somebody else proposed.",
        "reject": "Reject a contribution that was proposed.",
        "withdraw": "Withdraw a contribution, from those who pulled it, too.",
        "exchanges": "Show what exchanges have of lists, and why not all.",
        "send": "Send entries to exchanges, and withdraw those that they are not to have.",
        "resend": "Have refused entries sent to an exchange again, or one entry.",
        "drop": "Give up an entry that an exchange refused or still lacks, until it is changed.",
        "ask": "Ask a publisher whether its list has files of yours, without saying which.",
    },
)
