-- What is said of an instance's lines, as JSON such as {"redaction":{"phone":"mask"},"level":"info"}; NULL is as its module's, and of a module nothing.
ALTER TABLE modules ADD COLUMN policy TEXT;
ALTER TABLE instances ADD COLUMN policy TEXT;
-- What a partner's data are hashed with: 32 random bytes, drawn when the partner is made, or, of an older one, at the next start. They go with the partner.
ALTER TABLE partners ADD COLUMN hash_key BLOB CHECK (length(hash_key) = 32);
