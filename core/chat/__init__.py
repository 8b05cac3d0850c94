"""Conversations and who is in them: groups, invitations, blocks, mutes, unread counts."""
