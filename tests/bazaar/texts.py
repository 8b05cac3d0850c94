"""What the bazaar texts."""

from core.text.templates import TextTemplate, WhatsAppTemplate
from core.work.rules.accounts import TextRules

CODE = TextTemplate(
    "code",
    {
        "en": "{code} is your code for {title}. It is good for {minutes} minutes.",
        "ar": "{code} هو رمزك في {title}، صالح {minutes} دقائق.",
    },
    WhatsAppTemplate("bazaar_code", ("code",), copies="code", languages={"en": "en_US"}),
)
NUDGE = TextTemplate("nudge", {"en": "Somebody asks for '{listing}' at the bazaar."})
TEXTS = TextRules(
    channels=("whatsapp", "sms"), code=CODE, templates=(NUDGE,), callback="/bazaar/api/v1/hooks/texts/sms"
)
