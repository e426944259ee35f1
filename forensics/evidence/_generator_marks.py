"""Marks by which image generators sign the files they write."""

from collections.abc import Iterator

WEB_UI = "Stable Diffusion web UI or a program that writes alike"
# PNG text keywords, as these programs' source code writes them.
_TEXT_MARKS = (
    ({"workflow"}, "ComfyUI"),
    ({"invokeai_metadata"}, "InvokeAI"),
    ({"invokeai_graph"}, "InvokeAI"),
    ({"sd-metadata"}, "InvokeAI"),
    ({"Dream"}, "InvokeAI"),
    ({"fooocus_scheme"}, "Fooocus"),
    ({"use_stable_diffusion_model"}, "Easy Diffusion"),
)
# Lower-case parts of what generators write into software, creator and credit fields.
_NAMES = {
    "adobe firefly": "Adobe Firefly",
    "automatic1111": "Stable Diffusion web UI",
    "chatgpt": "ChatGPT",
    "comfyui": "ComfyUI",
    "dall-e": "DALL-E",
    "dall·e": "DALL-E",
    "deepfacelab": "DeepFaceLab",
    "draw things": "Draw Things",
    "easy diffusion": "Easy Diffusion",
    "facefusion": "FaceFusion",
    "faceswap": "faceswap",
    "fooocus": "Fooocus",
    "gemini": "Gemini",
    "ideogram": "Ideogram",
    "invokeai": "InvokeAI",
    "leonardo.ai": "Leonardo.Ai",
    "made with google ai": "Google AI",
    "edited with google ai": "Google AI",
    "midjourney": "Midjourney",
    "novelai": "NovelAI",
    "openai": "OpenAI",
    "stable diffusion": "Stable Diffusion",
    "stablediffusion": "Stable Diffusion",
    "swarmui": "SwarmUI",
}


def marks_in_texts(texts: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (program, PNG keyword) for keywords and contents that only generators write."""
    for keywords, program in _TEXT_MARKS:
        if keywords <= texts.keys():
            yield program, min(keywords)
    if "workflow" not in texts and '"class_type"' in texts.get("prompt", ""):
        yield "ComfyUI", "prompt"
    if is_web_ui(texts.get("parameters", "")):
        yield WEB_UI, "parameters"
    if "sui_image_params" in texts.get("parameters", ""):
        yield "SwarmUI", "parameters"


def is_web_ui(text: str) -> bool:
    """Whether a text has the form in which Stable Diffusion web UI notes its parameters."""
    return "Steps: " in text and "Sampler: " in text


def program_named(text: str) -> str | None:
    """The generator that a software, creator or credit field names, or None."""
    lowered = text[:1000].lower()
    return next((program for part, program in _NAMES.items() if part in lowered), None)
