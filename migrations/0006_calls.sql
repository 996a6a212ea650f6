-- A phone rings for one call at a time: the last calls to a number, as attempt_texted finds the last texts.
create index attempt_called on attempt (address, claimed_at) where channel = 'voice';
