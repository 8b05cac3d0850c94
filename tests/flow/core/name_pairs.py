# ruff: noqa: E501, RUF001 - letters of all scripts, which look alike and are wide
"""What is asked and a name: pairs of which the first finds the second, and pairs of which it does not."""

RIGHT: dict[str, list[tuple[str, str]]] = {
    "Latin": [
        ("Garcia", "José García"), ("garcía", "Jose Garcia"), ("Muller", "Jürgen Müller"), ("Mueller", "Jürgen Müller"),
        ("Müller", "Juergen Mueller"), ("Jürgen", "Juergen Mueller"), ("Nguyen", "Nguyễn Văn Đức"), ("van duc", "Nguyễn Văn Đức"),
        ("Zoe", "Zoë Kravitz"), ("Zoe\u0308", "Zo\u00eb Kravitz"), ("Zo\u00eb", "Zoe\u0308 Kravitz"), ("Soren", "Søren Kierkegaard"),
        ("Soeren", "Søren Kierkegaard"), ("Lukasz", "Łukasz Żółć"), ("zolc", "Łukasz Żółć"), ("istanbul", "İSTANBUL Işık"),
        ("isik", "İSTANBUL Işık"), ("Strasse", "Anna Straße"), ("STRAßE", "Anna Strasse"), ("Aegir", "Ægir Þór"), ("thor", "Ægir Þór"),
        ("OBrien", "Conan O'Brien"), ("O Brien", "Conan O’Brien"), ("O'Brien", "Conan OBrien"), ("Jean Luc", "Jean-Luc Godard"),
        ("Jeanluc", "Jean-Luc Godard"), ("Delacruz", "Maria de la Cruz"), ("de la cruz", "Maria Delacruz"), ("Smiht", "Jane Smith"),
        ("Jon Smith", "John Smith"), ("Jane Smit", "Jane Smith"), ("Catherine", "Katherine Catherina"), ("Katarzyna", "Katarzina Nowak"),
        ("Ferreria", "Ana Ferreira"), ("Ｊｏｈｎ", "John Smith"), ("Will Smith", "Will Smith"), ("ﬁona", "Fiona Apple"),
        ("Jo Smi", "John Smith"), ("John\u200bSmith", "JohnSmith"), ("D Angelo", "D'Angelo Russell"), ("Ozturk", "Mesut Öztürk"),
    ],
    "Cyrillic": [
        ("Иванов", "Мария Иванова"), ("Иванова", "Пётр Иванов"), ("Петр", "Пётр Иванов"), ("Алёна", "Алена Королева"),
        ("королёва", "Алена Королева"), ("ИВАНОВА", "Мария Иванова"), ("Андрей", "Андре\u0438\u0306 Белый"), ("Ивонова", "Мария Иванова"),
        ("Мария Иваонва", "Мария Иванова"), ("Маряна", "Мар'яна Садовська"), ("Шевчнеко", "Тарас Шевченко"), ("Гудзь", "Ґудзь Олена"),
        ("Наталя", "Наталія Могилевська"), ("Цвета", "Цветана Пиронкова"),
    ],
    "Greek": [
        ("Παπαδοπουλος", "Γιώργος Παπαδόπουλος"), ("ΓΙΩΡΓΟΣ", "Γιώργος Παπαδόπουλος"), ("παπαδοπουλοσ", "Γιώργος Παπαδόπουλος"),
        ("Παπαδόπολος", "Γιώργος Παπαδόπουλος"), ("Ελενη", "Ελένη Φουρέιρα"), ("Φουρειρα", "Ελένη Φουρέιρα"),
    ],
    "Arabic": [
        ("احمد", "أحمد علي"), ("أحمد", "احمد علي"), ("على", "أحمد علي"), ("علي", "أحمد على"), ("فاطمه", "فاطمة الزهراء"),
        ("فاطمة", "فاطمه حسن"), ("هدي", "هدى شعراوي"), ("هدى", "هدي شعراوي"), ("يحيي", "يحيى السيد"), ("محمد", "مُحَمَّد حسن"),
        ("محـــمد", "محمد حسن"), ("مؤمن", "مومن زكريا"), ("عبدالله", "عبد الله صالح"), ("عبد الله", "عبدالله صالح"),
        ("عبد الرحمن", "عبدالرحمن العلي"), ("قحطاني", "سعد القحطاني"), ("القحطاني", "سعد قحطاني"), ("محمد بن سلمان", "محمد ابن سلمان"),
        ("٢٠٢٦", "فرقة 2026"), ("2026", "فرقة ۲۰۲۶"), ("اسلام", "إسلام آدم"), ("ادم", "إسلام آدم"), ("کریم", "كريم يوسف"),
        ("كريم", "کریم یوسف"), ("علي رضا", "علی\u200cرضا قربانی"), ("\u200fأحمد\u200f", "أحمد علي"), ("\u202bاحمد\u202c", "أحمد علي"),
        ("مصطفي", "مصطفى أمين"), ("ابراهيم", "إبراهيم عيسى"), ("الخطييب", "أمل الخطيب"), ("مصطقى", "مصطفى أمين"), ("بهاء", "بها الدين"),
        ("ﻣﺤﻤﺪ", "محمد حسن"), ("خالد", "خالدة جرار"), ("ابوبكر", "أبو بكر سالم"),
    ],
    "Hebrew": [
        ("שלום", "שָׁלוֹם חנוך"), ("כהן", "יוסי כהן"), ("גון", "ג'ון לנון"), ("אברהמ", "אברהם לוי"), ("מיכאל", "מיכאלה כהן"),
        ("אברהים", "אברהם לוי"),
    ],
    "Devanagari": [
        ("मुंबई", "मुम्बई फ़िल्म्स"), ("मुम्बई", "मुंबई फिल्म्स"), ("हिंदी", "हिन्दी मंच"), ("हिन्दी", "हिंदी मंच"), ("लड़का", "लड़का कुमार"),
        ("लडका", "लड़का कुमार"), ("ल\u095cका", "लड\u093cका कुमार"), ("फिल्म", "फ़िल्म सिटी"), ("पंडित", "पण्डित जसराज"), ("पण्डित", "पंडित रवि"),
        ("गङ्गा", "गंगा देवी"), ("चंचल", "चञ्चल शर्मा"), ("चांद", "चाँद मोहम्मद"), ("२०२६", "समूह 2026"), ("2026", "समूह २०२६"),
        ("अमिताब", "अमिताभ बच्चन"), ("प्रियंका", "प्रियङ्का चोपड़ा"), ("क\u094d\u200dष", "क्ष कुमार"), ("चोपडा", "प्रियंका चोपड़ा"),
    ],
    "Han and kana": [
        ("山田", "山田太郎"), ("太郎", "山田太郎"), ("山田太郎", "山田 太郎"), ("山田 太郎", "山田太郎"), ("山", "山田太郎"), ("郎", "山田太郎"),
        ("写真", "写真家 佐藤"), ("真家", "写真家 佐藤"), ("サクラ", "さくら もも"), ("さくら", "サクラ モモ"), ("ｻｸﾗ", "サクラ モモ"),
        ("スミス", "ジョン・スミス"), ("ジョンスミス", "ジョン・スミス"), ("ガンダム", "カ\u3099ンタ\u3099ム"), ("小明", "王小明"), ("王 小明", "王小明"),
        ("山田太朗", "山田太郎"), ("佐々木", "佐々木希"), ("Tanaka", "田中Tanaka"), ("田中", "Tanaka田中"),
    ],
    "Hangul": [
        ("김민", "김민수"), ("민수", "김민수"), ("김민수", "김 민수"), ("김 민수", "김민수"), ("\u1100\u1175\u11b7민수", "김민수"),
        ("김밍수", "김민수"), ("김", "김민수"), ("이서연", "이 서연"),
    ],
    "Thai": [("สมชาย", "สมชาย ใจดี"), ("ใจดี", "สมชายใจดี"), ("๒๕", "ทีม 25")],
    "Bengali": [("২০২৬", "দল 2026"), ("রহমান", "আব্দুর রহমান")],
    "Malayalam": [("രാജന്\u200d", "രാജൻ നായർ"), ("നായര്\u200d", "രാജൻ നായർ"), ("രാജൻ", "രാജന്\u200d നായർ"), ("രാജ", "രാജൻ നായർ")],
    "Tamil": [("ரஜினி", "ரஜினிகாந்த்"), ("க\u0bc6\u0bbeடி", "க\u0bcaடி")],
    "Vietnamese and Turkish": [
        ("Dang", "Đặng Thị Lan"), ("đặng", "Dang Thi Lan"), ("ISIK", "Işık Kaya"), ("ışık", "ISIK KAYA"), ("Hoang", "HOÀNG Văn"),
    ],
    "Older letters of Japanese names": [
        ("高橋", "髙橋 一郎"), ("髙橋", "高橋 一郎"), ("渡辺", "渡邊 謙"), ("渡邉", "渡辺 謙"), ("斎藤", "齋藤 孝"), ("宮崎", "宮﨑 駿"), ("吉野", "𠮷野 家"),
    ],
    "Armenian": [("ԱՐԱՄ", "Արամ Խաչատրյան")],
    "Terms": [
        ("C++", "Ann C++"), ("c++", "C/C++ Kim"), ("C#", "Ben C#"), ("csharp", "Ben C#"), (".NET", "Cat .NET"), ("ASP.NET", "asp.net Dan"),
        ("F#", "F# Eve"), ("Ｃ＋＋", "Ann C++"), ("C♯", "Ben C#"), ("Notepad", "Notepad++ Tim"), ("C++17", "Kim C++17"),
    ],
}  # fmt: skip
WRONG: dict[str, list[tuple[str, str]]] = {
    "Latin": [
        ("Garcia", "José Gomez"), ("Muller", "Henry Miles"), ("Zoe", "Chloe Zimmer"), ("Will Smith", "Bob Smith"), ("Ann Lee", "Ann Ray"),
        ("Nguyen", "Ngo Van"), ("Smith", "Jane Schmidt"), ("Bill", "Will Gates"), ("Ian", "Brian May"), ("Martin", "Marta Silva"),
        ("José García", "José Pérez"), ("Li", "Lu Xun"), ("Brien", "Brianna Cole"), ("Jon", "Don Draper"), ("2025", "Team 2026"),
    ],
    "Cyrillic": [("Иванов", "Мария Петрова"), ("Анна", "Инна Чурикова"), ("Майкл", "Михаил Круг"), ("Петров", "Пётр Иванов")],
    "Greek": [("Ελένη", "Μαρία Κάλλας"), ("Γιώργος", "Γιάννης Ρίτσος")],
    "Arabic": [
        ("احمد", "محمود درويش"), ("علي", "عمر الشريف"), ("عبدالله", "عبد الرحمن"), ("هدى", "ندى حسن"), ("الخطيب", "أمل الخير"), ("حسن", "سعيد صالح"),
    ],
    "Hebrew": [("כהן", "יוסי לוי"), ("שלום", "שרה לוי")],
    "Devanagari": [("हिंदी", "सिंधी मंच"), ("मुंबई", "पुणे फिल्म्स"), ("राम", "श्याम बेनेगल"), ("२०२५", "समूह 2026")],
    "Han and kana": [
        ("山田", "田山花袋"), ("山田太郎", "山本太郎"), ("太田", "山田太郎"), ("田山", "山田 田中"), ("写真", "真写家"), ("東京", "京都 東"), ("王小明", "李小龍"), ("サクラ", "サラ"),
    ],
    "Hangul": [("김민수", "이민수"), ("김민수", "김민지"), ("민김", "김민수"), ("박민", "김민수"), ("수민", "김민수")],
    "Older letters of Japanese names": [("斎藤", "斉木 孝"), ("高橋", "高田 一郎"), ("简体", "簡體")],
    "Terms": [
        ("C++", "vitamin C"), ("C++", "C# Ben"), ("C#", "C Major"), ("C#", "C++ Ann"), (".NET", "Net Art"), ("C", "Ann C++"), ("++", "Ann C++"),
        ("#", "Ben C#"),
    ],
}  # fmt: skip
# One query, and names in the order in which they are found: as it was typed, in the normal form, nearly.
ORDERS: list[tuple[str, list[str]]] = [
    ("José", ["José Pérez", "Jose Perez", "Josa Perez"]),
    ("Jose", ["Jose Perez", "José Pérez", "Josa Perez"]),
    ("Müller", ["Ann Müller", "Ann Muller", "Ann Muler"]),
    ("Пётр", ["Пётр Белый", "Петр Белый", "Потр Белый"]),
    ("علي", ["علي حسن", "على حسن"]),
    ("हिंदी", ["हिंदी मंच", "हिन्दी मंच"]),
    ("김민수", ["김민수", "김 민수", "김밍수"]),
    ("Anna Lena", ["Anna Lena Roy", "Ánna Lena Roy", "Annalena Roy", "Anna Lenu Roy"]),
]
# What is asked, and a title or a text of which it finds, or does not find, words.
TEXTS: list[tuple[str, str]] = [
    ("frontend", "front-end developer"), ("front-end", "Frontend developer"), ("front end", "frontends"), ("nodejs", "Node.js"),
    ("Node.js", "NodeJS"), ("node", "Node.js"), ("e-mail", "email marketing"), ("email", "e-mail marketing"), ("gpt4", "GPT-4"),
    ("postproduction", "post-production"), ("post production", "postproduction"), ("R&D", "head of R&D"), ("AT&T", "was at AT&T"),
    ("UX", "UI/UX Designer"), ("C++", "C/C++"), ("C#", "C#/.NET"), ("C++17", "modern C++17"), (".NET", "ASP.NET, .NET Core"),
    ("Objective-C", "Objective-C"), ("notepad", "Notepad++"), ("ممثل", "والممثل"), ("الممثل", "للممثل"), ("تصوير", "بالتصوير"),
    ("写真", "写真家です"), ("편집", "영상편집자"), ("монтаж", "режиссёр монтажа"),
]  # fmt: skip
WRONG_TEXTS: list[tuple[str, str]] = [
    ("C++", "vitamin C"), ("C", "C++"), ("C", "C#"), ("C#", "C"), (".NET", "net art"), ("net", ".NET"), ("frontend", "front of the end"),
    ("csharp", "C, sharp eyes"), ("写家", "写真家"), ("rd", "r or d"),
]  # fmt: skip
