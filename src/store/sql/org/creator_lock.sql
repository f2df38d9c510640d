-- Until the transaction ends no other call makes this account an organisation. Apart from counting
-- them: what that statement sees was there when it began.
-- scope: account
-- in: account_id uuid
-- out: id uuid
SELECT id FROM usher.accounts WHERE id = $1 FOR NO KEY UPDATE
