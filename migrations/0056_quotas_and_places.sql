-- Quotas and places, see docs/quotas.md and docs/geo.md.
alter table conversations validate constraint conversations_kind_check;

-- How much of a quota a subject has used in its present period; a row of an earlier period counts as none.
create table quota_uses (
    market text not null,
    name text not null,
    subject_id uuid not null,
    used int not null check (used >= 0),
    started_at timestamptz not null,
    ends_at timestamptz not null,
    primary key (subject_id, name, market)
);
-- tidy
create index quota_uses_ended on quota_uses (ends_at);

-- Metres between two places, in degrees: haversine on the mean sphere, off by 0.5 % at most. As core/search/geo.py.
create function geo_distance(lat float8, lon float8, other_lat float8, other_lon float8) returns float8
language sql immutable strict parallel safe return
    2 * 6371008.8 * asin(least(1, sqrt(
        sin(radians(other_lat - lat) / 2) ^ 2
        + cos(radians(lat)) * cos(radians(other_lat)) * sin(radians(other_lon - lon) / 2) ^ 2
    )));

-- The bits of a number of 26 bits, with a zero before each.
create function geo_spread(n bigint) returns bigint
language plpgsql immutable strict parallel safe as $$
begin
    n := (n | (n << 16)) & x'0000FFFF0000FFFF'::bigint;
    n := (n | (n << 8)) & x'00FF00FF00FF00FF'::bigint;
    n := (n | (n << 4)) & x'0F0F0F0F0F0F0F0F'::bigint;
    n := (n | (n << 2)) & x'3333333333333333'::bigint;
    return (n | (n << 1)) & x'5555555555555555'::bigint;
end $$;

-- The cell of a place, some 0.6 m wide: a Z-order code, so that a larger cell is a range of them. To be indexed; geo.cover gives the
-- ranges around a place. With `return`, names are looked up now: an index on it survives a restore with an empty search_path.
create function geo_cell(lat float8, lon float8) returns bigint
language sql immutable strict parallel safe return
    geo_spread(least(67108863, floor((lat + 90) / 180 * 67108864))::bigint) << 1
    | geo_spread(least(67108863, floor((lon + 180) / 360 * 67108864))::bigint);
