-- Shifts that one person offers to another, for another shift or for nothing.
create table swap (
    id          bigint generated always as identity primary key,
    roster      text not null references roster on delete cascade,
    rotation    text not null default '', -- '' is the whole roster
    proposer    text not null references person on delete cascade,
    partner     text not null references person on delete cascade,
    give_from   timestamptz not null,
    give_to     timestamptz not null check (give_to > give_from),
    take_from   timestamptz,              -- null: for nothing
    take_to     timestamptz check (take_to > take_from),
    state       text not null default 'proposed' check (state in ('proposed', 'accepted', 'declined', 'withdrawn')),
    proposed_at timestamptz not null default now(),
    answered_at timestamptz,
    check ((take_from is null) = (take_to is null)),
    check (proposer <> partner)
);
create index swap_roster on swap (roster, id);
create index swap_open on swap (partner) where state = 'proposed';
