"""How a request, event or job does its work: context, policy, transaction, outbox, jobs, idempotency, audit."""
