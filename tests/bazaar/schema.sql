-- The bazaar's own tables, and the sequence that its ids come from.
create schema bazaar;
create sequence bazaar.ids;
create table bazaar.listings (
    id uuid primary key,
    seller_id uuid not null references users on delete cascade,
    title text not null,
    price_cents int not null,
    description text not null,
    created_at timestamptz not null,
    sold_at timestamptz,
    deleted_at timestamptz,
    verdict text not null default '', -- of the review queue
    lat float8 check (lat between -90 and 90),
    lon float8 check (lon between -180 and 180)
);
-- capabilities.near
create index listings_place on bazaar.listings (geo_cell(lat, lon)) where sold_at is null and deleted_at is null;
create index listings_latest on bazaar.listings (created_at desc, id desc) where deleted_at is null;
create index listings_seller on bazaar.listings (seller_id);
-- What the bazaar keeps of a user beside the account.
create table bazaar.members (
    user_id uuid primary key references users on delete cascade,
    motto text not null default ''
);
