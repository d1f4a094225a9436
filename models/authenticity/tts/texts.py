"""What the synthesisers say: patterns by language, filled at random but reproducibly."""

import random

ENGLISH = """
please call me back at {n} before {d}|your balance is {n} pounds and {m} pence|the meeting with {p} was moved to {d}
i would like to change my address to {n} {s}|my voice is my password and my name is {p}|{p} will pick up the parcel on {d}
the train to {c} leaves from platform {m} at {n}|we have received your payment of {n} dollars|could you repeat the last {m} digits
the weather in {c} will be cloudy with light rain on {d}|press {m} to speak to {p} or stay on the line|the account ends in {n}
yesterday we walked along the river near {c} and talked for hours|the old house on {s} was sold to {p} for {n} thousand
nobody knew why {p} had left {c} so suddenly|there are {n} people waiting in front of you|the reference number is {n} {m}
she bought {m} apples, some bread and a bottle of milk|it takes about {m} hours to drive from {c} to the coast on {d}
""".strip().replace("\n", "|").split("|")
OTHERS = {
    "de": "Guten Tag, mein Name ist {p} und ich rufe wegen der Rechnung {n} an|Der Zug nach {c} fährt heute um {m} Uhr von Gleis {m}",
    "fr": "Bonjour, je m'appelle {p} et je voudrais changer mon adresse|Le train pour {c} part dans {m} minutes, voie {m}",
    "es": "Buenos días, me llamo {p} y quiero cambiar mi número, que es {n}|El tren para {c} sale dentro de {m} minutos",
    "it": "Buongiorno, mi chiamo {p} e vorrei parlare con un operatore|Il treno per {c} parte tra {m} minuti dal binario {m}",
    "ru": "Добрый день, меня зовут Иван и я звоню по поводу счёта {n}|Поезд отправляется через {m} минут со второго пути",
    "pt": "Bom dia, o meu nome é {p} e gostaria de mudar o meu número para {n}|O comboio para {c} parte dentro de {m} minutos",
    "nl": "Goedemorgen, mijn naam is {p} en ik bel over rekening {n}|De trein naar {c} vertrekt over {m} minuten van spoor {m}",
    "pl": "Dzień dobry, nazywam się {p} i dzwonię w sprawie rachunku {n}|Pociąg do {c} odjedzie za {m} minut",
    "tr": "Merhaba, benim adım {p} ve hesap numaram {n}|Tren {m} dakika sonra kalkıyor",
    "sv": "God morgon, jag heter {p} och ringer om faktura {n}|Tåget till {c} avgår om {m} minuter från spår {m}",
    "ca": "Bon dia, em dic {p} i vull canviar el meu número|El tren cap a {c} surt d'aquí a {m} minuts",
    "cs": "Dobrý den, jmenuji se {p} a volám kvůli účtu {n}|Vlak do {c} odjíždí za {m} minut",
}
# For the voices that came later: other sentences, so that no text is common to all voices.
NATIVE = {
    "en": """i am calling about the invoice from {d}, number {n}|{p} lost a card near {s} and wants a new one|dial {m} for sales and {n} for support
my date of birth is {d}, and i live at {n} {s}|please transfer {n} pounds to {p} in {c}|the doctor can see you on {d} at {m} o'clock
a storm closed the road between {c} and the airport for {m} hours|we would rather meet in {c} than in the office on {s}
thank you for waiting, my name is {p}, how can i help you today|the delivery of {m} boxes to {n} {s} is late again
old maps of {c} show a bridge where the market stands today|my favourite song was written by {p} on a train to {c}""",
    "de": """Ihre Bestellung mit der Nummer {n} wurde am Montag verschickt|{p} möchte den Vertrag über {n} Euro zum Monatsende kündigen
Bitte drücken Sie die {m}, um mit {p} zu sprechen|Zwischen {c} und der Küste regnet es seit {m} Stunden""",
    "fr": """Votre commande numéro {n} est partie lundi de {c}|Pour parler à {p}, tapez {m} ou restez en ligne
Il pleut depuis {m} heures entre {c} et la mer|Je souhaite résilier mon contrat de {n} euros à la fin du mois""",
    "es": """Su pedido número {n} salió el lunes de {c}|Para hablar con {p}, pulse {m} o espere en la línea
Llueve desde hace {m} horas entre {c} y la costa|Quisiera cancelar mi contrato de {n} euros a fin de mes""",
    "it": """Il suo ordine numero {n} è partito lunedì da {c}|Per parlare con {p}, prema {m} o resti in linea
Piove da {m} ore tra {c} e la costa|Vorrei disdire il contratto da {n} euro alla fine del mese""",
    "cs": """Vaše objednávka číslo {n} byla odeslána v pondělí|Pro spojení s operátorem stiskněte {m} nebo počkejte
Už {m} hodin prší a silnice je zavřená|Chtěl bych zrušit smlouvu na {n} korun ke konci měsíce""",
    "fi": """Hyvää päivää, nimeni on Matti Virtanen ja soitan laskusta {n}|Juna lähtee {m} minuutin kuluttua raiteelta {m}
Tilauksenne numero {n} lähetettiin maanantaina|Sade on jatkunut {m} tuntia ja tie on suljettu""",
    "ru": """Ваш заказ номер {n} отправлен в понедельник|Чтобы поговорить с оператором, нажмите {m} или оставайтесь на линии
Дождь идёт уже {m} часов, дорога закрыта|Я хочу изменить адрес и расторгнуть договор""",
    "hi": """नमस्ते मेरा नाम राजेश है और मैं अपने बिल के बारे में बात करना चाहता हूँ|कृपया मुझे शाम को वापस फोन कीजिए
रेलगाड़ी दिल्ली से सुबह चलती है और शाम को मुंबई पहुँचती है|आज मौसम बहुत अच्छा है और हम नदी के किनारे चलेंगे
मेरी बहन कल बाज़ार से सेब और दूध लाई थी|आपका भुगतान हमें मिल गया है धन्यवाद|बच्चे बगीचे में गेंद से खेल रहे हैं
मुझे अपना पता बदलना है क्योंकि मैं नए घर में रहता हूँ|डॉक्टर आपसे सोमवार की दोपहर को मिल सकते हैं""",
    "mr": """नमस्कार माझे नाव राजेश आहे आणि मला माझ्या खात्याबद्दल बोलायचे आहे|कृपया मला संध्याकाळी परत फोन करा
गाडी पुण्याहून सकाळी निघते आणि संध्याकाळी मुंबईला पोहोचते|आज हवा खूप छान आहे आणि आपण नदीकाठी फिरू
माझी बहीण काल बाजारातून सफरचंद आणि दूध घेऊन आली|तुमचे पैसे आम्हाला मिळाले धन्यवाद|मुले बागेत चेंडू खेळत आहेत
मला माझा पत्ता बदलायचा आहे कारण मी नवीन घरात राहतो|डॉक्टर तुम्हाला सोमवारी दुपारी भेटतील""",
    "te": """నమస్కారం నా పేరు రాజేష్ నేను నా ఖాతా గురించి మాట్లాడాలి|దయచేసి నాకు సాయంత్రం తిరిగి ఫోన్ చేయండి
రైలు ఉదయం హైదరాబాదు నుండి బయలుదేరి సాయంత్రం చేరుతుంది|ఈ రోజు వాతావరణం చాలా బాగుంది మనం నది వైపు నడుద్దాం
మా అక్క నిన్న బజారు నుండి పండ్లు పాలు తెచ్చింది|మీ డబ్బు మాకు అందింది ధన్యవాదాలు|పిల్లలు తోటలో బంతి ఆడుతున్నారు
నేను కొత్త ఇంటికి మారాను నా చిరునామా మార్చాలి|వైద్యుడు మిమ్మల్ని సోమవారం మధ్యాహ్నం చూస్తారు""",
    "cmn": """您好，我叫张伟，我想咨询一下{n}号账单。|请在听到提示音以后输入您的身份证号码。
开往北京的列车将在{m}分钟以后从第{m}站台发车。|昨天他们在火车站等了三个小时，天气很冷。
您的订单{n}已经在星期一发出。|如果您需要人工服务，请按{m}。|今天的天气非常好，我们一起去公园散步吧。
我想更改我的地址，因为我刚刚搬了新家。|她买了{m}个苹果，一些面包和一瓶牛奶。|下个星期五我们在上海有一个会议。""",
    "ja": """こんにちは、私の名前は田中です。請求書の番号は{n}です。|電車は{m}番線から{m}分後に出発します。
ご注文の番号{n}は月曜日に発送されました。|オペレーターとお話しになる方は{m}番を押してください。
昨日は雨が{m}時間も降り続いて、道が閉鎖されました。|住所を変更したいので、担当の方をお願いします。
来週の金曜日に東京で会議があります。|りんごを{m}個とパンと牛乳を買ってきてください。""",
}
PEOPLE = "Anna Müller|John Baker|Priya Rao|Carlos Vega|Mary O'Neill|Tom Fischer|Elena Rossi|David Kim|Sarah Jones".split("|")
CITIES = "London|Berlin|Madrid|Warsaw|Lisbon|Dublin|Milano|Oslo|Praha|Toronto|Boston".split("|")
STREETS = "Station Road|Market Street|Elm Avenue|Queens Lane|Mill Close|High Street".split("|")
DAYS = "Monday|Tuesday morning|Friday|the third of March|the end of June|Sunday evening|December".split("|")


def sentences(language, seed, count):
    """`count` sentences of a language for the first voices, filled at random but reproducibly."""
    return _filled(ENGLISH if language == "en" else OTHERS[language].split("|"), f"{language} {seed}", count)


def native(language, seed, count):
    """`count` sentences of a language for the later voices; digits and numbers, which every voice can read, where there is no pattern."""
    if language in NATIVE:
        return _filled(NATIVE[language].strip().replace("\n", "|").split("|"), f"{language} {seed}", count)
    rng = random.Random(f"{language} {seed}")
    digits = lambda: " ".join(str(rng.randint(0, 9)) for _ in range(4))
    return [f"{digits()}, {digits()}. {rng.randint(11, 99)}, {rng.randint(100, 9999)}." for _ in range(count)]


def _filled(patterns, seed, count):
    rng = random.Random(seed)
    fill = lambda: {
        "n": rng.randint(13, 9999), "m": rng.randint(2, 12), "p": rng.choice(PEOPLE), "c": rng.choice(CITIES),
        "s": rng.choice(STREETS), "d": rng.choice(DAYS),
    }  # fmt: skip
    return [rng.choice(patterns).format(**fill()) for _ in range(count)]
