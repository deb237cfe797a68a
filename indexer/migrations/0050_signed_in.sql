-- Tokens that a sign-in through a provider made: they go with their session, and are none that an operator keeps.
ALTER TABLE tokens ADD COLUMN of_session INTEGER NOT NULL DEFAULT 0 CHECK (of_session IN (0, 1));
