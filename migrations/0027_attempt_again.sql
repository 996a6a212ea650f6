-- What was told again lately, by where it went: asked in a storm. In a file of its own, as it is built while others only read.
create index attempt_again on attempt (address, channel, claimed_at) where again;
