-- The search of members in their messages. The workers fill it, also with what is there already.

-- What finds a text among those of one key, such as a conversation: its words as in search_text, each behind the key. So one index
-- holds the texts of all, and a common word costs only as much as the texts of its key do.
create function search_keyed(key text, given text) returns tsvector
language plpgsql immutable strict parallel safe set plan_cache_mode = force_generic_plan as $$
begin
    return coalesce((
        select string_agg(format('''%s%s'':%s', key, w.lexeme, array_to_string(w.positions, ',')), ' ')::tsvector
        from unnest(search_text(given, 'B')) w
    ), '');
end $$;

-- What a query asks of them, as the text of a tsquery in which the key takes the place of each `~`: all of its words (the first 16),
-- as they begin or by their stems. Null: it has no words.
create function search_keyed_query(given text) returns text
language plpgsql immutable strict parallel safe set plan_cache_mode = force_generic_plan as $$
begin
    return (
        select string_agg('(' || case
            when is_unspaced and length(word) > 1 then (
                select string_agg(format('''~%s''', substr(word, i, 2)), '<->' order by i) from generate_series(1, length(word) - 1) i
            )
            when not is_unspaced and (length(word) = 1 or search_is_term(word)) then format('''~%s''', word)
            else concat_ws('|', format('''~%s'':*', word), '''~*' || stem || '''', '''~' || stem || '''')
        end || ')', '&' order by place)
        from (
            select left(w, 64) as word, place, search_is_unspaced(w) as is_unspaced,
                case when not search_is_unspaced(w) then search_stem(left(w, 64)) end as stem
            from unnest((string_to_array(search_normal(left(given, 400)), ' '))[:16]) with ordinality _ (w, place)
        ) words
    );
end $$;

-- The words of messages, for the search of their members: filled by the workers (core/message_search.py), so that appending costs no
-- more; changed and deleted with the text, whatever changes it. The key of the lexemes is search_key of the conversation.
-- No index by conversation: the planner would take it for the shorter way.
create table message_words (
    message_id uuid primary key,
    conversation_id uuid not null,
    sent_at timestamptz not null,
    words tsvector not null
);
-- message_search.FIND
create index message_words_search on message_words using gin (words);

-- Up to which seq of a conversation they are stored.
create table message_words_stored (
    conversation_id uuid primary key,
    seq bigint not null
);

-- Short, and almost never that of two conversations: of what is found the whole id is compared.
create function search_key(conversation uuid) returns text language sql immutable strict parallel safe return
    right(conversation::text, 8);

create function change_message_words() returns trigger language plpgsql as $$
begin
    if new.body = '' then
        delete from message_words where message_id = new.id;
    else
        update message_words set words = search_keyed(search_key(new.conversation_id), new.body) where message_id = new.id;
    end if;
    return null;
end $$;
create trigger change_message_words after update of body on messages
    for each row when (new.body is distinct from old.body) execute function change_message_words();
