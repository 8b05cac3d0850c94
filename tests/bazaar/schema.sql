-- The bazaar's own table, and the sequence that its ids come from.
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
    lat float8 check (lat between -90 and 90),
    lon float8 check (lon between -180 and 180)
);
-- capabilities.near
create index listings_place on bazaar.listings (geo_cell(lat, lon)) where sold_at is null;
create index listings_latest on bazaar.listings (created_at desc, id desc);
create index listings_seller on bazaar.listings (seller_id);
