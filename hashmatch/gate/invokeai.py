"""Node for InvokeAI. A folder of its nodes holds an `__init__.py` with one line:

from hashmatch.gate.invokeai import HashmatchGateInvocation
"""

from typing import Any

from invokeai.invocation_api import (  # type: ignore[import-not-found]
    BaseInvocation,
    ImageField,
    ImageOutput,
    InputField,
    WithBoard,
    WithMetadata,
    invocation,
)

from .decisions import Context
from .shared import shared_gate

_ADAPTER = "invokeai"


@invocation(
    "hashmatch_gate",
    title="hashmatch gate",
    tags=["safety"],
    category="image",
    version="1.0.0",
    use_cache=False,
)
class HashmatchGateInvocation(BaseInvocation, WithMetadata, WithBoard):  # type: ignore[misc]
    """Pass a picture that may be shown, and a grey one in place of another."""

    image: ImageField = InputField(description="The picture to check")

    def invoke(self, context: Any) -> ImageOutput:
        """Return the picture that may be shown."""
        picture = context.images.get_pil(self.image.image_name)
        shown = shared_gate(_ADAPTER).check(picture, context=Context(_ADAPTER)).pictures
        return ImageOutput.build(context.images.save(image=shown))
