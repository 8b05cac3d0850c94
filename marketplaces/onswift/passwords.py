"""What OnSwift's passwords need."""

from core.work.policy import PasswordRules

PASSWORDS = PasswordRules(
    min_length=8,
    max_length=128,
    kinds={
        "an uppercase letter": str.isupper,
        "a lowercase letter": str.islower,
        "a number": str.isdigit,
        "a special character": lambda character: not character.isalnum() and not character.isspace(),
    },
)
