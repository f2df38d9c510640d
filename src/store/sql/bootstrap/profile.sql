-- Write a profile.
-- scope: platform
-- in: org_id uuid, user_id uuid, company text, role text, preferences jsonb, profile_data jsonb, trust jsonb
-- out: none
INSERT INTO usher.profiles (org_id, user_id, company, role, preferences, profile_data, trust)
VALUES ($1, $2, $3, $4, $5, $6, $7)
