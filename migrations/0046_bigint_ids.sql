-- Ids that hold a bigint, for marketplaces whose clients know ids as such: their sequence is `ids` in their schema. The same as
-- BigintIds in core/base/ids.py.
create function bigint_id(market text, id bigint) returns uuid
language sql immutable strict parallel safe as $$
    select ('0000' || encode(substring(sha256(convert_to(market, 'UTF8')) for 6), 'hex') || lpad(to_hex(id), 16, '0'))::uuid
$$;

-- The next of them; null: the ids of this marketplace are UUIDv7.
create function next_bigint_id(market text) returns uuid
language sql volatile strict as $$
    select bigint_id(market, nextval(to_regclass(quote_ident(market) || '.ids')))
$$;
