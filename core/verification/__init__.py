"""Identity verification: who a user is, as a provider or a person who looks at documents has found."""
