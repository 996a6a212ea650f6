-- What a person's text asks for and a code confirms: to take a shift, to offer one, to answer an offer. Who
-- forges a number does not see the code.
create table wish (
    id       bigint generated always as identity primary key,
    person   text not null references person on delete cascade,
    code     text not null,
    kind     text not null check (kind in ('take', 'offer', 'answer')),
    roster   text not null references roster on delete cascade,
    partner  text not null default '',
    give     tstzrange,                                  -- of a take: the shift that is taken
    take     tstzrange,
    from_whom text[] not null default '{}',              -- of a take: who was on call in it when it was asked for
    swap     bigint references swap on delete cascade,   -- of an answer
    until_at timestamptz not null,                       -- from then on the code is worth nothing
    done_at  timestamptz,
    check ((kind = 'answer') = (swap is not null))
);
create index wish_code on wish (code);
create index wish_person on wish (person);
create index wish_roster on wish (roster);
create index wish_swap on wish (swap) where swap is not null;
create index wish_until on wish (until_at);

-- What stands before a notice's text where it can be answered: in a text message.
alter table notice add column reply text not null default '';
