-- What was given to providers lately, to be counted: a block range index, which costs next to nothing to keep.
create index attempt_claimed on attempt using brin (claimed_at) with (pages_per_range = 32, autosummarize = on);
