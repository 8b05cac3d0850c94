-- Search in names and texts, for all marketplaces. A marketplace stores `search_name(...) || search_text(...)` by a trigger and asks
-- with `search_query(...)`: what is written and what is asked go through the same functions. docs/search.md says what is found.
--
-- Nothing here depends on the locale of the database: not case, not what a letter is. An index made on one server is right on all.
-- Lexemes carry what they are: `=` a word of a name as it was typed, `@` its normal form, `~` a name with one letter less, `*` a stem;
-- without a mark, a word of a text, or two neighbouring characters of a script that is written without spaces.

-- Small letters, whatever the locale. The texts are in a decomposed form: letters with marks are two characters here.
create function search_lower(given text) returns text language sql immutable strict parallel safe return
    translate(lower(given collate "C"),
            'ÆÐØÞĐĦŁŊŒŦƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƢƤƦƧƩƬƮƱƲƳƵƷƸƼǤǶǷȜȠȢȤȺȻȽȾɁɃɄɅɆɈɊɌɎͰͲͶͿΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩϏϘϚϜϞϠϢϤ'
            'ϦϨϪϬϮϷϺϽϾϿЂЄЅІЈЉЊЋЏАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯѠѢѤѦѨѪѬѮѰѲѴѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӃӅӇӉӋӍ'
            'ӔӘӠӨӶӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖႠႡႢႣႤႥႦႧႨႩႪႫႬႭႮႯႰႱႲႳႴႵႶႷႸႹႺႻႼႽ'
            'ႾႿჀჁჂჃჄჅჇჍᲐᲑᲒᲓᲔᲕᲖᲗᲘᲙᲚᲛᲜᲝᲞᲟᲠᲡᲢᲣᲤᲥᲦᲧᲨᲩᲪᲫᲬᲭᲮᲯᲰᲱᲲᲳᲴᲵᲶᲷᲸᲹᲺᲽᲾᲿẞỺỼỾⱠⱢⱣⱤⱧⱩⱫⱭⱮⱯⱰⱲⱵⱾⱿꙀꙂꙄꙆꙈꙊꙌꙎꙐꙒꙔꙖꙘꙚꙜꙞꙠꙢꙤꙦꙨꙪꙬꚀꚂ'
            'ꚄꚆꚈꚊꚌꚎꚐꚒꚔꚖꚘꚚꜢꜤꜦꜨꜪꜬꜮꜲꜴꜶꜸꜺꜼꜾꝀꝂꝄꝆꝈꝊꝌꝎꝐꝒꝔꝖꝘꝚꝜꝞꝠꝢꝤꝦꝨꝪꝬꝮꝹꝻꝽꝾꞀꞂꞄꞆꞋꞍꞐꞒꞖꞘꞚꞜꞞꞠꞢꞤꞦꞨꞪꞫꞬꞭꞮꞰꞱꞲꞳꞴꞶꞸꞺꞼꞾꟀꟂꟄꟅꟆꟇꟉ',
            'æðøþđħłŋœŧɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵƣƥʀƨʃƭʈʊʋƴƶʒƹƽǥƕƿȝƞȣȥⱥȼƚⱦɂƀʉʌɇɉɋɍɏͱͳͷϳαβγδεζηθικλμνξοπρστυφχψωϗϙϛϝϟϡϣϥ'
            'ϧϩϫϭϯϸϻͻͼͽђєѕіјљњћџабвгдежзиклмнопрстуфхцчшщъыьэюяѡѣѥѧѩѫѭѯѱѳѵѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏӄӆӈӊӌӎ'
            'ӕәӡөӷӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆⴀⴁⴂⴃⴄⴅⴆⴇⴈⴉⴊⴋⴌⴍⴎⴏⴐⴑⴒⴓⴔⴕⴖⴗⴘⴙⴚⴛⴜⴝ'
            'ⴞⴟⴠⴡⴢⴣⴤⴥⴧⴭაბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰჱჲჳჴჵჶჷჸჹჺჽჾჿßỻỽỿⱡɫᵽɽⱨⱪⱬɑɱɐɒⱳⱶȿɀꙁꙃꙅꙇꙉꙋꙍꙏꙑꙓꙕꙗꙙꙛꙝꙟꙡꙣꙥꙧꙩꙫꙭꚁꚃ'
            'ꚅꚇꚉꚋꚍꚏꚑꚓꚕꚗꚙꚛꜣꜥꜧꜩꜫꜭꜯꜳꜵꜷꜹꜻꜽꜿꝁꝃꝅꝇꝉꝋꝍꝏꝑꝓꝕꝗꝙꝛꝝꝟꝡꝣꝥꝧꝩꝫꝭꝯꝺꝼᵹꝿꞁꞃꞅꞇꞌɥꞑꞓꞗꞙꞛꞝꞟꞡꞣꞥꞧꞩɦɜɡɬɪʞʇʝꭓꞵꞷꞹꞻꞽꞿꟁꟃꞔʂᶎꟈꟊ');

-- Words with a space in between: punctuation and symbols are none.
create function search_split(given text) returns text language sql immutable strict parallel safe return
    btrim(regexp_replace(given, '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7\u02b0-\u02ff\u037e\u0387\u055a-\u055f\u0589\u058a\u05be\u05c0\u05c3\u05c6\u05f3\u05f4\u0600-\u060f\u061b-\u061f\u066a-\u066d\u06d4\u06dd\u06de\u06e9\u06fd\u06fe\u0700-\u070f\u0964\u0965\u0970\u0df4\u0e2f\u0e3f\u0e4f\u0e5a\u0e5b\u104a-\u104f\u10fb\u17d4-\u17da\u2000-\u2bff\u2e00-\u2fff\u3000-\u3004\u3008-\u3040\u30a0\u30fb\u3190-\u319f\u3200-\u33ff\u4dc0-\u4dff\ua4fe\ua4ff\ue000-\uf8ff\ufd3e\ufd3f\ufe10-\ufe1f\ufe30-\ufe6f\uff00-\uffff\U0001d000-\U0001d1ff\U0001f000-\U0001faff\U000f0000-\U0010ffff]+', ' ', 'g'));

-- A name as it was typed, but for case, punctuation and what cannot be seen.
create function search_written(given text) returns text language sql immutable strict parallel safe return
    case when octet_length(given) = length(given) then search_split(lower(given collate "C"))
    else normalize(search_split(search_lower(normalize(
        regexp_replace(given, '[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]', '', 'g'), NFD))), NFC) end;

-- The normal form: the words of a text, one space in between, in the one spelling that stands for all. At most 10,000 characters
-- are looked at and 20,000 returned. The normal form of a normal form is itself.
create function search_normal(given text) returns text language plpgsql immutable strict parallel safe as $$
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

-- Say whether a word is of a script that is written without spaces: Han, kana, Hangul, Thai, Lao, Burmese, Khmer.
create function search_is_unspaced(word text) returns boolean language sql immutable strict parallel safe return
    octet_length(word) <> length(word) and word ~ '[\u0e01-\u0e4e\u0e81-\u0ede\u1000-\u109f\u1100-\u11ff\u1780-\u17d3\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]';

-- Say whether a word is a name of a language such as C++ and C#, which has no other beginnings or spellings.
create function search_is_term(word text) returns boolean language sql immutable strict parallel safe return word ~ '^.(plusplus|sharp)$';

-- The stem of a word, in the language that its script tells of; null for a word that says nothing.
create function search_stem(word text) returns text language sql immutable strict parallel safe return (
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

-- The words of a name in other spellings: with `ue` for an umlaut, and without the Arabic article.
create function search_other_spellings(given text) returns text[] language sql immutable strict parallel safe return
    case when octet_length(given) = length(given) then '{}' else (
        select coalesce(array_agg(distinct left(spelling, 64)), '{}') from (
            select regexp_split_to_table(search_normal(replace(replace(replace(replace(replace(replace(
                search_written(given), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'), 'ø', 'oe'), 'å', 'aa'), 'æ', 'ae')), ' ')
            where search_written(given) ~ '[äöüøåæ]'
            union all
            select substr(word, 3) from unnest(string_to_array(search_normal(given), ' ')) word where word ~ '^\u0627\u0644...'
        ) spellings (spelling)
        where spelling <> ''
    ) end;

-- A word of a name, and what is left of it without one of its letters: two words that share one are written nearly alike. The first
-- letter is right, in Han the first two characters. Short words and those with digits have no slips.
create function search_slips(word text) returns text[] language sql immutable strict parallel safe return
    case
        when length(word) < 2 or length(normalize(word, NFD)) not between 3 and 24 or word ~ '[0-9]' or search_is_term(word) then '{}'
        when length(normalize(word, NFD)) = 3 then array[normalize(word, NFD)]
        else (
            select array_agg(distinct overlay(letters placing '' from place for least(place - 1, 1)))
            from normalize(word, NFD) letters, generate_series(1, length(letters)) place
            where place = 1 or place > case when word ~ '[\u3400-\u9fff]' then 2 else 1 end
        )
    end;

-- What finds a name.
create function search_name(given text) returns tsvector language plpgsql immutable strict parallel safe set plan_cache_mode = force_generic_plan as $$
declare
    normal text := left(search_normal(left(given, 400)), 400);
    words text[] := (select coalesce(array_agg(left(word, 64)), '{}') from unnest(string_to_array(normal, ' ')) word);
    -- Runs of a script without spaces are one, however they were cut.
    whole text[] := case when search_is_unspaced(normal)
        then string_to_array(regexp_replace(normal, '(?<=[\u0e01-\u0e4e\u0e81-\u0ede\u1000-\u109f\u1100-\u11ff\u1780-\u17d3\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]) (?=[\u0e01-\u0e4e\u0e81-\u0ede\u1000-\u109f\u1100-\u11ff\u1780-\u17d3\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff])', '', 'g'), ' ')
        else '{}' end;
begin
    return coalesce((
        select string_agg(format('''%s''%s', lexeme, place), ' ')::tsvector from (
            select '=' || left(word, 64), null from unnest(string_to_array(search_written(left(given, 400)), ' ')) word
            union all
            select case when search_is_term(word) then word else '@' || word end, ':' || place || 'A' from unnest(words) with ordinality _ (word, place)
            union all
            select '@' || word, ':1A' from unnest(search_other_spellings(left(given, 400))) word
            union all -- words that others write as one
            select '@' || left(array_to_string(words[place:place + more], ''), 64), ':' || place || 'A'
            from generate_series(1, cardinality(words)) place, generate_series(1, 2) more
            where place + more <= cardinality(words)
                and not exists (select from unnest(words[place:place + more]) word where search_is_term(word))
            union all
            select '~' || slip, null from unnest(words) word, unnest(search_slips(word)) slip
            union all
            select substr(word, i, 2), ':' || row_number() over (order by place, i) || 'A'
            from unnest(whole) with ordinality _ (word, place), generate_series(1, length(word)) i where search_is_unspaced(word)
        ) lexemes (lexeme, place)
    ), '');
end $$;

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
create function search_text(given text, weight text) returns tsvector language plpgsql immutable strict parallel safe set plan_cache_mode = force_generic_plan as $$
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

-- All of these words; those that say nothing count only where none of the others is in a text.
create function search_all(telling text[], silent text[], texts text[]) returns tsquery
language sql immutable strict parallel safe return (
    concat_ws('&',
        (select string_agg('(' || place || ')', '&') from unnest(telling) place),
        (select '(' || concat_ws('|', '(' || string_agg('(' || place || ')', '&') || ')', nullif(array_to_string(texts, '|'), '')) || ')'
            from unnest(silent) place having count(*) > 0)
    )
)::tsquery;

-- What a query asks for: names as they were typed; all words, in names and texts; the same with neighbours that others write as one
-- word (null: it has one word); both of these; all words with a slip in those of the name, and with words as written, for the rank. All
-- null: it has no words. The first 16 count. Joined words are asked apart, because an index skips most rows only if every word must be there.
create function search_query(
    given text, out exact tsquery, out apart tsquery, out joined tsquery, out normal tsquery, out near tsquery
)
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
    one_less tsquery;
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
    apart := search_all(telling, silent, texts);
    near := search_all(near_telling, silent, texts);
    for i in 1 .. cardinality(words) - 1 loop
        for more in 1 .. least(2, cardinality(words) - i) loop
            word := left(array_to_string(words[i:i + more], ''), 64);
            in_text := '|''*' || search_stem(word) || '''|''' || search_stem(word) || '''';
            one_less := search_all(
                places[:i - 1] || (format('''@%s'':*', word) || coalesce(in_text, '')) || places[i + more + 1:], '{}', '{}'
            );
            joined := coalesce(joined || one_less, one_less);
        end loop;
    end loop;
    normal := coalesce(apart || joined, apart);
    exact := (select string_agg(format('''=%s''', left(w, 64)), '&') from unnest(written) w)::tsquery && apart;
end $$;

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
