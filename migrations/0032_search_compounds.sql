-- What others write as one word or as several is found in titles and texts, too; older letters of Japanese names, Malayalam
-- letters without a vowel, Arabic articles with what is written together with them; Notepad++ is no language.

-- The normal form: the words of a text, one space in between, in the one spelling that stands for all. At most 10,000 characters
-- are looked at and 20,000 returned. The normal form of a normal form is itself.
create or replace function search_normal(given text) returns text language plpgsql immutable strict parallel safe as $$
declare
    words text := left(given, 10000);
begin
    if octet_length(words) = length(words) then
        words := lower(words collate "C");
    else
        words := regexp_replace(search_lower(normalize(words, NFKD)), '[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]', '', 'g');
        -- These two are letters of their own: a short i, which loses its mark in decomposed texts only.
        words := replace(words, U&'\0438\0306', U&'\0439');
        -- Marks of Latin, Greek, Hebrew and Arabic letters, the hamza and the tatweel, the nukta of Indic letters.
        words := regexp_replace(words, '[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0621\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u08d3-\u08ff\u093c\u0951-\u0954\u09bc\u0a3c\u0abc\u0b3c\u0cbc\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]', '', 'g');
        words := translate(words,
            '♯øđłħŧıðŋəǝƒɓɗƙƴɛɔʒɨʉɵɣςґٱىیېةۃہھەکڪךםןףץ٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९০১২৩৪৫৬৭৮৯੦੧੨੩੪੫੬੭੮੯૦૧૨૩૪૫૬૭૮૯'
            '୦୧୨୩୪୫୬୭୮୯௦௧௨௩௪௫௬௭௮௯౦౧౨౩౪౫౬౭౮౯೦೧೨೩೪೫೬೭೮೯൦൧൨൩൪൫൬൭൮൯๐๑๒๓๔๕๖๗๘๙໐໑໒໓໔໕໖໗໘໙၀၁၂၃၄၅၆၇၈၉០១២៣៤៥៦៧៨៩ァアィイゥウェエォオ'
            'カキクケコサシスセソタチッツテトナニヌネノハヒフヘホマミムメモャヤュユョヨラリルレロヮワヰヱヲンヵヶヽ'
            '髙﨑𠮷邉邊齋齊澤櫻廣濱濵嶋嶌眞德惠',
            '#odlhtidneefbdkyeoziuogσгايييهههههككכמנפצ012345678901234567890123456789012345678901234567890123456789'
            '012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789ぁあぃいぅうぇえぉお'
            'かきくけこさしすせそたちっつてとなにぬねのはひふへほまみむめもゃやゅゆょよらりるれろゎわゐゑをんゕゖゝ'
            '高崎吉辺辺斎斉沢桜広浜浜島島真徳恵');
        words := replace(replace(replace(replace(words, 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th');
        -- Malayalam letters without a vowel, which were written with a joiner before they had characters of their own.
        if words ~ '[\u0d7a-\u0d7f]' then
            words := replace(replace(replace(replace(replace(replace(words, U&'\0d7a', U&'\0d23\0d4d'), U&'\0d7b', U&'\0d28\0d4d'),
                U&'\0d7c', U&'\0d30\0d4d'), U&'\0d7d', U&'\0d32\0d4d'), U&'\0d7e', U&'\0d33\0d4d'), U&'\0d7f', U&'\0d15\0d4d');
        end if;
        -- A nasal before a consonant of its class is written as an anusvara as well.
        if words ~ '[\u0900-\u097f]' then
            words := replace(words, U&'\0901', U&'\0902');
            words := regexp_replace(words, '\u0919\u094d(?=[\u0915-\u0918])|\u091e\u094d(?=[\u091a-\u091d])|\u0923\u094d(?=[\u091f-\u0922])'
                '|\u0928\u094d(?=[\u0924-\u0927])|\u092e\u094d(?=[\u092a-\u092d])', U&'\0902', 'g');
        end if;
        words := regexp_replace(words, '([\u0e01-\u0e4e\u0e81-\u0ede\u1000-\u109f\u1100-\u11ff\u1780-\u17d3\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]+)', ' \1 ', 'g');
    end if;
    if words ~ '\+\+|#|\.net' then
        words := regexp_replace(words, '(^|[^a-z0-9])([a-z])\+\+', '\1\2plusplus ', 'g');
        words := regexp_replace(words, '(^|[^a-z0-9])([a-z])#(?![a-z0-9])', '\1\2sharp', 'g');
        words := regexp_replace(words, '\.net(?![a-z0-9])', ' dotnet', 'g');
    end if;
    words := rtrim(left(normalize(search_split(words), NFC), 20000));
    -- The son of, in two spellings.
    return case when words ~ '\u0627\u0628\u0646' then regexp_replace(words, '(?<![^ ])\u0627\u0628\u0646(?![^ ])', U&'\0628\0646', 'g') else words end;
end $$;

-- The stem of a word, in the language that its script tells of; null for a word that says nothing.
create or replace function search_stem(word text) returns text language sql immutable strict parallel safe return (
    case
        when octet_length(word) = length(word) then ts_lexize('english_stem', word)
        when word ~ '^[\u0400-\u052f]' then ts_lexize('russian_stem', word)
        -- Articles with what is written together with them: and, then, by, as, to.
        when word ~ '^[\u0600-\u06ff]' then ts_lexize('arabic_stem',
            regexp_replace(word, '^([\u0648\u0641\u0628\u0643]\u0627\u0644|\u0644\u0644)(?=...)', ''))
        when word ~ '^[\u0900-\u097f]' then ts_lexize('hindi_stem', word)
        when word ~ '^[\u0370-\u03ff]' then ts_lexize('greek_stem', word)
        else array[word]
    end
)[1];

-- The words of a text that others write as one: those with a hyphen or the like in between, and in a title all neighbours.
create function search_compounds(given text, is_title boolean) returns text[] language sql immutable strict parallel safe return (
    select coalesce(array_agg(distinct compound), '{}') from (
        select replace(normal, ' ', '') from (
            select search_normal(token) from regexp_split_to_table(left(given, 10000), '[\s,;:/()]+') token
            where token ~ '[^-][-.&\u00b7\u2010\u2011\u2019''][^-]' limit 100
        ) parts (normal)
        where normal ~ '^[^ ]+ [^ ]+( [^ ]+)?$'
        union all
        select word || lead(word) over (order by place)
        from unnest(string_to_array(search_normal(given), ' ')) with ordinality _ (word, place) where is_title
    ) compounds (compound)
    where length(compound) <= 32 and not search_is_unspaced(compound) and not search_is_term(compound)
);

-- What finds a text. Its weight says where it stands: B in a title, C in running text, where words that say nothing are left out.
create or replace function search_text(given text, weight text) returns tsvector language plpgsql immutable strict parallel safe set plan_cache_mode = force_generic_plan as $$
begin
    return coalesce((
        with words as materialized ( -- or each function would be called for each of its uses
            select left(word, 64) as word, place, search_is_unspaced(word) as is_unspaced
            from unnest(string_to_array(search_normal(given), ' ')) with ordinality _ (word, place)
        ),
        placed as (
            select case when is_unspaced then substr(word, i, 2) else word end as lexeme, is_unspaced,
                row_number() over (order by place, i) as place
            from words, generate_series(1, case when is_unspaced then length(word) else 1 end) i
        ),
        stemmed as materialized (
            select p.*, case when not is_unspaced then search_stem(lexeme) end as stem from (
                select * from placed union all select unnest(search_compounds(given, weight = 'B')), false, 1
            ) p
        )
        select string_agg(format('''%s'':%s%s', l, place, weight), ' ')::tsvector
        from stemmed, unnest(array[
            case when is_unspaced or stem is not null or weight = 'B' then lexeme end, '*' || nullif(stem, lexeme)
        ]) l
        where l is not null
    ), '');
end $$;

-- What a query asks for: names as they were typed; all words, in names and texts; all of them with a slip in words of the name, and
-- with words as written, for the rank. All null: it has no words. The first 16 count.
create or replace function search_query(given text, out exact tsquery, out normal tsquery, out near tsquery)
language plpgsql immutable strict parallel safe set plan_cache_mode = force_generic_plan as $$
declare
    words text[] := (string_to_array(search_normal(left(given, 400)), ' '))[:16];
    written text[] := (string_to_array(search_written(left(given, 400)), ' '))[:16];
    word text;
    stem text;
    in_name text;
    in_text text;
    slips text;
    places text[] := '{}';
    texts text[] := '{}';
    telling text[] := '{}';
    near_telling text[] := '{}';
    silent text[] := '{}';
begin
    if words = '{}' then
        return;
    end if;
    for i in 1 .. cardinality(words) loop
        word := left(words[i], 64);
        in_name := (
            select string_agg(format('''@%s'':*', spelling), '|') from (
                select word
                union
                select unnest(search_other_spellings(case when cardinality(written) = cardinality(words) then written[i] else word end))
            ) spellings (spelling)
        );
        slips := (select string_agg(format('''~%s''', slip), '|') from unnest(search_slips(word)) slip);
        stem := search_stem(word);
        if search_is_unspaced(word) then
            in_text := case when length(word) = 1 then format('''%s'':*', word) else (
                select '(' || string_agg(format('''%s''', substr(word, at, 2)), '<->' order by at) || ')'
                from generate_series(1, length(word) - 1) at
            ) end;
        elsif stem is null then
            places := places || format('%s|''%s''', in_name, word);
            silent := silent || places[i];
            continue;
        else
            in_text := format('''*%s''|''%s''', stem, stem); -- more would only mislead the planner: this finds the word itself, too
        end if;
        places := places || concat_ws('|', in_name, in_text);
        texts := texts || in_text;
        telling := telling || places[i];
        near_telling := near_telling || concat_ws('|', in_name, in_text, '''' || nullif(word, stem) || '''', slips);
    end loop;
    normal := search_all(telling, silent, texts);
    near := search_all(near_telling, silent, texts);
    for i in 1 .. cardinality(words) - 1 loop -- words that others write as one
        for more in 1 .. least(2, cardinality(words) - i) loop
            word := left(array_to_string(words[i:i + more], ''), 64);
            in_text := '|''*' || search_stem(word) || '''|''' || search_stem(word) || '''';
            normal := normal || search_all(
                places[:i - 1] || (format('''@%s'':*', word) || coalesce(in_text, '')) || places[i + more + 1:], '{}', '{}'
            );
        end loop;
    end loop;
    exact := (select string_agg(format('''=%s''', left(w, 64)), '&') from unnest(written) w)::tsquery && normal;
end $$;

create or replace function onswift.index_talent() returns trigger language plpgsql as $$
declare
    talent uuid := to_jsonb(new) ->> tg_argv[0];
begin
    -- Two who change different parts of a talent at once: the second waits here, and then sees what the first has written.
    perform from users where id = talent for no key update;
    insert into onswift.talents as t (user_id, name, words, skills, hourly_rate, availability, form)
    select u.id, search_normal(u.name), onswift.talent_words(u.name, p.professional_title, p.bio),
        coalesce(p.skills, '{}'), p.hourly_rate, p.availability, 2
    from users u left join onswift.profiles p on p.user_id = u.id
    where u.id = talent and u.market = 'onswift' and u.role = 'talent' and u.deleted_at is null
    on conflict (user_id) do update set name = excluded.name, words = excluded.words, skills = excluded.skills,
        hourly_rate = excluded.hourly_rate, availability = excluded.availability, form = excluded.form;
    if not found then
        delete from onswift.talents where user_id = talent;
    end if;
    return null;
end $$;
