-- How much providers were sent lately, by the sender that it came from: when the bucket will be full again (GCRA). After
-- a crash of the database they are empty, and so full buckets: rather a refusal that is tried again than a lost write.
create unlogged table sender_load (
    provider text not null,
    sender   text not null,
    free_at  timestamptz not null,
    primary key (provider, sender)
) with (fillfactor = 50);

-- Whether whom it is for was reached about the incident before: what is capped in a storm.
alter table attempt add column again boolean not null default false;
