"""The skills that talents choose from ("from predefined list"), by category."""

from collections.abc import Sequence

SKILLS: dict[str, tuple[str, ...]] = {
    "Video": (
        "Video Editing", "Color Grading", "Motion Graphics", "Visual Effects", "Videography", "Cinematography", "Directing",
        "Screenwriting", "Storyboarding", "Video Production", "Drone Videography", "Live Streaming", "Subtitling",
        "YouTube Production", "Short-Form Video", "Premiere Pro", "After Effects", "DaVinci Resolve", "Final Cut Pro",
    ),
    "Animation": (
        "2D Animation", "3D Animation", "3D Modeling", "Character Design", "Rigging", "Blender", "Cinema 4D", "Game Art",
    ),
    "Design": (
        "UI Design", "UX Design", "UX Research", "Prototyping", "Wireframing", "Design Systems", "Product Design",
        "Graphic Design", "Brand Identity", "Logo Design", "Typography", "Illustration", "Packaging Design",
        "Presentation Design", "Print Design", "Thumbnail Design", "Web Design", "Figma", "Adobe Photoshop",
        "Adobe Illustrator", "Adobe InDesign",
    ),
    "Photography": (
        "Photography", "Photo Editing", "Retouching", "Product Photography", "Portrait Photography", "Event Photography",
    ),
    "Audio": (
        "Audio Editing", "Sound Design", "Mixing", "Mastering", "Music Production", "Music Composition", "Voice Over",
        "Podcast Production", "Podcast Editing",
    ),
    "Writing": (
        "Copywriting", "Content Writing", "Technical Writing", "Ghostwriting", "Scriptwriting", "Blog Writing", "Editing",
        "Proofreading", "Translation", "Research",
    ),
    "Marketing": (
        "Social Media Management", "Social Media Strategy", "Content Strategy", "Influencer Marketing", "Email Marketing",
        "Search Engine Optimization", "Paid Advertising", "Marketing Analytics", "Community Management", "Brand Strategy",
    ),
    "Development": (
        "Web Development", "Frontend Development", "Backend Development", "Mobile Development", "Game Development",
        "JavaScript", "TypeScript", "React", "Vue.js", "Node.js", "Python", "Swift", "Kotlin", "WordPress", "Webflow",
        "Shopify",
    ),
    "Production": (
        "Project Management", "Creative Direction", "Art Direction", "Event Planning", "Virtual Assistance",
    ),
}  # fmt: skip
_NAMES = {name.casefold(): name for names in SKILLS.values() for name in names}


def spelled(skills: Sequence[str]) -> list[str]:
    """Return skills as the list writes them, each once; what is not in the list stays as it is."""
    return list(dict.fromkeys(_NAMES.get(skill.strip().casefold(), skill) for skill in skills))


def unknown(skills: Sequence[str]) -> list[str]:
    """Return the skills that are not in the list."""
    return [skill for skill in skills if skill.strip().casefold() not in _NAMES]
