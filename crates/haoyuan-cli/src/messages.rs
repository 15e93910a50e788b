//! The catalogue: every word the command says, key by key, in English and in Chinese.
//!
//! A place is written `{name}`; both languages of a row have the same places. Keys beginning with `help.`, `usage.` and
//! `more.` follow the tree of commands and arguments. The long texts are printed as they are broken here: 79 columns at most in
//! English, and 80 in Chinese.

use crate::lang::Entry;

macro_rules! catalogue {
    ($($key:literal: $en:literal, $zh:literal;)+) => {
        /// All rows.
        pub(crate) const TABLE: &[Entry] = &[$(Entry { key: $key, en: $en, zh: $zh }),+];
    };
}

catalogue! {
    "error": "error: {text}", "错误:{text}";

    // ---- arguments
    "args.no_command": "say what to do: give a command", "请给出要执行的命令";
    "args.unknown": "there is no option `{arg}` here", "此处没有选项 `{arg}`";
    "args.unknown_command": "there is no command `{name}`", "没有命令 `{name}`";
    "args.value_missing": "`{arg}` needs a value", "`{arg}` 需要一个值";
    "args.value_not_one_of": "`{value}` is not a value of `{arg}`; it takes one of: {values}",
        "`{value}` 不是 `{arg}` 的有效值;可选:{values}";
    "args.value_wrong": "`{value}` is not a value of `{arg}`; expected {reason}",
        "`{value}` 不是 `{arg}` 的有效值;应为 {reason}";
    "args.missing": "this is missing: {arg}", "缺少参数:{arg}";
    "args.conflict": "`{arg}` cannot be given together with `{other}`, or is given twice",
        "`{arg}` 不能与 `{other}` 同时使用,或重复给出";
    "args.too_many": "`{arg}` takes no value `{value}`", "`{arg}` 不接受值 `{value}`";
    "args.not_utf8": "an argument is not valid UTF-8", "有参数不是有效的 UTF-8";
    "args.did_you_mean": "did you mean `{hint}`?", "您是否想输入 `{hint}`?";
    "args.see_help": "`haoyuan --help` lists commands and options, `haoyuan help COMMAND` explains one",
        "`haoyuan --help` 列出命令与选项,`haoyuan help 命令` 说明某个命令";

    // ---- files
    "file.unreadable": "`{file}` cannot be read: {reason}", "无法读取 `{file}`:{reason}";
    "file.unwritable": "`{file}` cannot be written: {reason}", "无法写入 `{file}`:{reason}";
    "file.too_long": "`{file}` is larger than {most} MiB; split it", "`{file}` 超过 {most} MiB,请拆分";
    "file.not_utf8": "`{file}` is not UTF-8 from line {line} on; save it as UTF-8",
        "`{file}` 自第 {line} 行起不是 UTF-8;请以 UTF-8 保存";

    // ---- help
    "help.usage": "Usage:", "用法:";
    "help.options": "Options", "选项";
    "help.commands": "Commands", "命令";

    "help.haoyuan": "haoyuan: outpatient numbers, decided one by one, exactly, by the policy",
        "haoyuan(号源):按政策逐个、精确地裁决门诊号源";
    "usage.haoyuan": "haoyuan [--lang en|zh] COMMAND …", "haoyuan [--lang en|zh] 命令 …";
    "help.haoyuan:lang": "Language of all messages; by default that of LC_ALL, LC_MESSAGES or LANG",
        "语言;默认取自 LC_ALL、LC_MESSAGES 或 LANG";
    "help.haoyuan:help": "Show help", "显示帮助";
    "help.haoyuan:version": "Show the version", "显示版本";
    "more.haoyuan": "Examples
  haoyuan rush                        a real morning: release, payment, fences
  haoyuan run commands.jsonl          commands in, answers out, line by line
  haoyuan serve --demo                a hospital to book in, in the browser
  haoyuan policy show jilin-2018      each value with the text it comes from
  haoyuan roster check roster.csv --directory hospital.toml
  haoyuan help rush                   everything about one command

Exit codes
  0  all is well
  1  a check was violated, damage was found, or a planted bug escaped
  2  bad usage or bad input; standard error says what to do

Environment
  LC_ALL, LC_MESSAGES, LANG           zh… means Chinese, anything else English
  NO_COLOR                            set and not empty: no colours
",
        "示例
  haoyuan rush                        一个真实的早晨:放号、支付、释放
  haoyuan run commands.jsonl          逐行输入命令,逐行输出结果
  haoyuan serve --demo                在浏览器中预约的演示医院
  haoyuan policy show jilin-2018      每个取值及其政策原文
  haoyuan roster check roster.csv --directory hospital.toml
  haoyuan help rush                   某个命令的完整说明

退出码
  0  一切正常
  1  有核查项被违反、发现损坏,或植入的错误未被发现
  2  用法或输入有误;标准错误输出会说明如何处理

环境变量
  LC_ALL, LC_MESSAGES, LANG           zh 开头为中文,其余为英文
  NO_COLOR                            设置且非空时不使用颜色
";

    "help.haoyuan.bench": "Measure beside hash maps under locks, Redis with Lua, PostgreSQL with a function",
        "与加锁哈希表、Redis(Lua)、PostgreSQL(函数)在相同负载下对比测量";
    "usage.haoyuan.bench": "haoyuan bench [ARGUMENT …]", "haoyuan bench [参数 …]";
    "help.haoyuan.bench:arguments": "Arguments of haoyuan-bench; `haoyuan bench -- --help` lists them",
        "haoyuan-bench 的参数;`haoyuan bench -- --help` 列出全部";
    "more.haoyuan.bench": "Every system gets the same requests and must give the same verdicts. Servers
are started in a temporary folder and stopped; what is not installed is named
as skipped. The measuring is done by `haoyuan-bench`, which stands beside this
program: cargo build --release -p haoyuan-benches --bin haoyuan-bench

Examples
  haoyuan bench --peers none --workload w2     in this process only
  haoyuan bench --peers redis --workload w1,w2,w3
  haoyuan bench --report bench-report          tables, charts, CSV

Exit codes
  0  every verdict checks
  1  a verdict does not check, or a system failed
  2  bad usage, or haoyuan-bench is missing",
        "所有系统处理相同的请求,裁决必须一致。服务器在临时目录中启动并随后停止;
未安装的会明确列为跳过。测量由本程序旁的 `haoyuan-bench` 完成:
cargo build --release -p haoyuan-benches --bin haoyuan-bench

示例
  haoyuan bench --peers none --workload w2     仅在本进程内
  haoyuan bench --peers redis --workload w1,w2,w3
  haoyuan bench --report bench-report          表格、图、CSV

退出码
  0  所有裁决核对无误
  1  有裁决不符,或某个系统失败
  2  用法错误,或缺少 haoyuan-bench";
    "bench.missing": "`{program}` is neither beside this program nor on the path; build it with `cargo build --release -p haoyuan-benches --bin haoyuan-bench`",
        "本程序旁与 PATH 中均无 `{program}`;请用 `cargo build --release -p haoyuan-benches --bin haoyuan-bench` 构建";
    "bench.usage": "`haoyuan bench -- --help` lists the arguments", "`haoyuan bench -- --help` 列出全部参数";
    "bench.failed": "a verdict does not check, or a system failed: the lines above say which",
        "有裁决不符,或某个系统失败:详见上文";

    "help.haoyuan.rush": "Run a real morning against the engine, measure it and recount it",
        "用引擎跑完一个真实的早晨,测量并独立复核";
    "usage.haoyuan.rush": "haoyuan rush [OPTIONS]", "haoyuan rush [选项]";
    "help.haoyuan.rush:scenario": "Scenario file (TOML); by default the embedded morning in Jilin",
        "场景文件(TOML);默认使用内置的吉林早晨";
    "help.haoyuan.rush:threads": "Threads that decide at the same time, 1–1024; by default the cores, at most 8",
        "同时裁决的线程数,1–1024;默认取核数,最多 8";
    "help.haoyuan.rush:requests": "Requests for a seat, 1–10M, also written 200k or 2M; by default the scenario's",
        "挂号请求数,1–10M,可写作 200k 或 2M;默认取自场景";
    "help.haoyuan.rush:seed": "Seed of everything that is drawn; the same seed gives the same requests",
        "随机种子;相同的种子产生相同的请求";
    "help.haoyuan.rush:policy": "Preset or policy file in place of the scenario's policy",
        "用预置政策或政策文件代替场景中的政策";
    "help.haoyuan.rush:roster": "Roster (CSV) in place of the scenario's, with the codes of its directory",
        "用排班表(CSV)代替场景中的排班,编码须在其目录中";
    "help.haoyuan.rush:svg": "Also draw the day's load as an SVG file", "另将当日时段分布绘制为 SVG 文件";
    "help.haoyuan.rush:json": "Print one JSON object instead of the report", "输出一个 JSON 对象而不是报告";
    "help.haoyuan.rush:print_scenario": "Print the embedded scenario, to copy from, and stop",
        "打印内置场景以供参考,然后结束";
    "help.haoyuan.rush:journal": "Keep a journal in this new folder", "在此新目录中记录日志";
    "help.haoyuan.rush:sync": "A decision counts when it is on disk; a thread has at most 4,096 on the way",
        "裁决落盘后才算数;每个线程最多 4,096 个同时在途";
    "help.haoyuan.rush:hash": "What chains the records; sm3 where rules ask for it (slower)",
        "记录链的哈希;须用国密时选 sm3(较慢)";
    "more.haoyuan.rush": "A tertiary hospital and its alliance publish a roster of seven days. At
07:00:00 the last of them opens, and everybody asks at once: the public,
referred patients and contract residents with their tickets, revisits, the
window, the green channel; with double clicks, repeated commands and some who
come a millisecond early. Then holds are paid or run out, some cancel, reserves
pass their fences.

All requests are drawn before the clock starts; only decisions are timed. Then
every answer is recounted without asking the engine: nothing oversold, no
reserve breached, nothing granted early, nobody booked twice. A violated check
ends with exit code 1.

Examples
  haoyuan rush
  haoyuan rush --threads 2 --requests 2M --seed 7
  haoyuan rush --policy beijing-2015 --svg load.svg
  haoyuan rush --json | jq '.decisions_per_second, .oversold'
  haoyuan rush --print-scenario > mine.toml && haoyuan rush --scenario mine.toml
",
        "一家三级医院及其医联体发布七天的排班。07:00:00 最后一天放号,所有人同时来约:
公众、持凭证的转诊患者与签约居民、复诊、窗口、绿色通道;有人重复点击,有程序重发
命令,有人早到一毫秒。随后锁号被支付或过期,有人退号,预留号源到时释放。

所有请求在计时之前生成,只对裁决计时。之后不询问引擎,仅凭答复逐一复核:不超售、
不侵占预留、不提前放号、不重复预约。任何一项被违反,退出码为 1。

示例
  haoyuan rush
  haoyuan rush --threads 2 --requests 2M --seed 7
  haoyuan rush --policy beijing-2015 --svg load.svg
  haoyuan rush --json | jq '.decisions_per_second, .oversold'
  haoyuan rush --print-scenario > mine.toml && haoyuan rush --scenario mine.toml
";

    "help.haoyuan.run": "Execute commands: one JSON object per line in, one answer per line out",
        "执行命令:每行输入一个 JSON 对象,每行输出一个结果";
    "usage.haoyuan.run": "haoyuan run [--strict] [FILE|-]", "haoyuan run [--strict] [文件|-]";
    "help.haoyuan.run:file": "File of commands (JSON Lines); - or nothing reads standard input",
        "命令文件(JSON Lines);- 或省略表示标准输入";
    "help.haoyuan.run:strict": "Stop with exit code 2 at the first line that is not a valid command",
        "遇到第一行无效命令即停止,退出码为 2";
    "help.haoyuan.run:journal": "Keep a journal in this folder, and go on from what is in it",
        "在此目录中记录日志,并从其中已有的内容继续";
    "help.haoyuan.run:sync": "Answer only when the answer is on disk; without it a crash costs at most 50 ms",
        "写入磁盘后才答复;不加此项时,崩溃最多丢失 50 毫秒";
    "help.haoyuan.run:hash": "What chains the records; sm3 where rules ask for it (slower). By default that of the journal; blake3 in a new one",
        "哈希链:blake3,国密选 sm3(较慢);默认沿用日志原有的";
    "more.haoyuan.run": "Each command carries its own time (`at`, RFC 3339); no clock is read. Each
answer begins with the number of its line; blank lines have none. A line that
is no command is answered with an error naming line, field and reason, and the
next one goes on. A refusal is a normal answer, not an error.

Examples
  haoyuan run morning.jsonl > answers.jsonl
  haoyuan run --strict < morning.jsonl
",
        "每条命令自带时间(`at`,RFC 3339),不读取时钟。每个结果以行号开头,空行没有结果。
无效的行得到一个错误结果,指明行号、字段与原因,然后继续下一行。
拒绝是正常的答复,不是错误。

示例
  haoyuan run morning.jsonl > answers.jsonl
  haoyuan run --strict < morning.jsonl
";

    "help.haoyuan.serve": "Answer over HTTP: commands, the public feed, events, metrics",
        "通过 HTTP 提供服务:命令、公开号源、事件与指标";
    "usage.haoyuan.serve": "haoyuan serve [OPTIONS]", "haoyuan serve [选项]";
    "help.haoyuan.serve:address": "Where to listen; by default 127.0.0.1:8080, port 0 for any free one",
        "监听地址;默认 127.0.0.1:8080,端口 0 为任意空闲端口";
    "help.haoyuan.serve:journal": "Keep a journal in this folder, and go on from what is in it",
        "在此目录中记录日志,并从已有的内容继续";
    "help.haoyuan.serve:sync": "Answer only when the answer is on disk; without it a crash costs at most 50 ms",
        "落盘后才答复;不加此项时,崩溃最多丢失 50 毫秒";
    "help.haoyuan.serve:hash": "What chains the records; sm3 where rules ask for it (slower). By default that of the journal; blake3 in a new one",
        "哈希链:blake3,国密选 sm3(较慢);默认沿用日志原有的";
    "help.haoyuan.serve:tokens": "File of tokens and keys (TOML), made with `haoyuan token`; read again on SIGHUP",
        "令牌与密钥文件(TOML);收到 SIGHUP 时重新读取";
    "help.haoyuan.serve:seats": "How many seats to have room for, 1–16M; by default as the journal says",
        "预留多少个号的空间,1–16M;默认按日志中的记录";
    "help.haoyuan.serve:demo": "A made-up hospital from today on, with a page to book in; on this machine only",
        "从今天起的虚构医院及其预约页面;仅限本机";
    "help.haoyuan.serve:page": "Serve the pages of this folder at /", "在 / 提供此目录中的页面";
    "help.haoyuan.serve:origin": "Pages of this origin may ask, too (https://www.hospital.example); can be repeated",
        "允许此来源的页面访问(https://…);可重复";
    "help.haoyuan.serve:proxy": "Believe X-Forwarded-For of this reverse proxy; can be repeated",
        "信任此反向代理的 X-Forwarded-For;可重复";
    "help.haoyuan.serve:connections": "Connections at once; by default 4096", "同时的连接数;默认 4096";
    "help.haoyuan.serve:peer_rate": "Requests per second of one address; by default 200, 0 for no limit",
        "单个地址每秒的请求数;默认 200,0 表示不限";
    "help.haoyuan.serve:patient_rate": "Commands per second of one patient; by default 10, 0 for no limit",
        "单个患者每秒的命令数;默认 10,0 表示不限";
    "help.haoyuan.serve:staff_rate": "Commands per second of one token; by default 2000, 0 for no limit",
        "单个令牌每秒的命令数;默认 2000,0 表示不限";
    "help.haoyuan.serve:json": "Print one JSON object when it listens", "开始监听时输出一个 JSON 对象";
    "more.haoyuan.serve": "POST /v1/commands takes the commands of `haoyuan run`, one object or an array.
The time is the server's. GET /openapi.json describes everything.

Without a token one may ask what is public. Staff show a token of the file; a
patient shows one that the hospital's login has signed, good for one person.
Other machines reach the server only if there is a file of tokens: put a
reverse proxy with TLS before it.

SIGTERM and SIGINT end it: what is under way is answered, everything is on
disk, and a snapshot makes the next start quick. Nothing acknowledged is lost.

Examples
  haoyuan serve --demo
  haoyuan token key --id 2026-11 >> tokens.toml
  haoyuan token staff --name window-3 --role clerk \\
    --id 00000000000000a1 >> tokens.toml
  haoyuan serve --journal /var/lib/haoyuan --sync --tokens tokens.toml
",
        "POST /v1/commands 接受 `haoyuan run` 的命令,单个对象或数组;时间以服务器为准。
GET /openapi.json 描述全部接口。

无令牌者可查询公开内容。工作人员出示文件中的令牌;患者出示医院登录系统签发的令牌,
仅对本人有效。只有提供令牌文件后,其他机器才能访问;请前置带 TLS 的反向代理。

SIGTERM 与 SIGINT 使其结束:进行中的请求得到答复,全部内容落盘,并写入快照以便快速
启动。已确认的绝不丢失。

示例
  haoyuan serve --demo
  haoyuan token key --id 2026-11 >> tokens.toml
  haoyuan token staff --name window-3 --role clerk \\
    --id 00000000000000a1 >> tokens.toml
  haoyuan serve --journal /var/lib/haoyuan --sync --tokens tokens.toml
";

    "help.haoyuan.token": "Make tokens and keys for `haoyuan serve`", "为 `haoyuan serve` 生成令牌与密钥";
    "usage.haoyuan.token": "haoyuan token staff|key|patient …", "haoyuan token staff|key|patient …";
    "help.haoyuan.token.staff": "A token of staff: its entry on standard output, the token once on standard error",
        "工作令牌:条目写到标准输出,令牌本身仅在标准错误显示一次";
    "usage.haoyuan.token.staff": "haoyuan token staff --name NAME --role ROLE [OPTIONS] >> FILE",
        "haoyuan token staff --name 名称 --role 角色 [选项] >> 文件";
    "help.haoyuan.token.staff:name": "Name for counts and logs; no secret", "用于计数与日志的名称;并非机密";
    "help.haoyuan.token.staff:role": "viewer, clerk, doctor, family_doctor, referrer, partner, operator or admin",
        "viewer、clerk、doctor、referrer、operator、admin 等";
    "help.haoyuan.token.staff:id": "Keyed hash of the person or desk, 16 hexadecimal digits, for the trace",
        "操作者的带密钥哈希(16 位十六进制数),用于留痕";
    "help.haoyuan.token.staff:institution": "Whose referrals and contracts it registers (referrer, family_doctor)",
        "可登记哪个机构的转诊与签约";
    "help.haoyuan.token.staff:channel": "The only channel through which it books", "只能通过此渠道预约";
    "help.haoyuan.token.staff:expires": "From this instant on it is void (RFC 3339)", "自此时刻起失效(RFC 3339)";
    "help.haoyuan.token.key": "A key with which the hospital's login signs patients' tokens",
        "医院登录系统用于签发患者令牌的密钥";
    "usage.haoyuan.token.key": "haoyuan token key --id NAME [--expires TIME] >> FILE",
        "haoyuan token key --id 名称 [--expires 时间] >> 文件";
    "help.haoyuan.token.key:id": "Name of the key, such as 2026-11", "密钥名称,如 2026-11";
    "help.haoyuan.token.key:expires": "From this instant on nothing signed with it is taken (RFC 3339)",
        "自此时刻起不再接受其签名(RFC 3339)";
    "help.haoyuan.token.patient": "A patient's token, signed as the hospital's login would, to try things",
        "患者令牌,与医院登录系统的签发相同,供测试使用";
    "usage.haoyuan.token.patient": "haoyuan token patient --tokens FILE --patient KEY [OPTIONS]",
        "haoyuan token patient --tokens 文件 --patient 患者键 [选项]";
    "help.haoyuan.token.patient:tokens": "File with the key to sign with", "含签名密钥的文件";
    "help.haoyuan.token.patient:patient": "Whose: 32 hexadecimal digits of a keyed hash", "所属患者:带密钥哈希的 32 位十六进制数";
    "help.haoyuan.token.patient:channel": "Through which channel; by default web", "通过哪个渠道;默认 web";
    "help.haoyuan.token.patient:minutes": "For how long, 1–720; by default 15", "有效分钟数,1–720;默认 15";
    "more.haoyuan.token": "The file is TOML with entries [[token]] and [[patient_key]]; only its owner may
read it (chmod 600). Of a token it has the hash alone; a [[patient_key]] is a
secret, and whoever reads it can sign for any patient.

Examples
  umask 077
  haoyuan token key --id 2026-11 >> tokens.toml
  haoyuan token staff --name ops --role operator \\
    --id 00000000000000b2 >> tokens.toml
  haoyuan token patient --tokens tokens.toml \\
    --patient 5f0c6f0f6c1d4b7e9a3d2e1f00112233
",
        "文件为 TOML,含 [[token]] 与 [[patient_key]] 条目;仅限所有者可读(chmod 600)。
令牌只存哈希;[[patient_key]] 则是密钥,读到它的人可为任何患者签发令牌。

示例
  umask 077
  haoyuan token key --id 2026-11 >> tokens.toml
  haoyuan token staff --name ops --role operator \\
    --id 00000000000000b2 >> tokens.toml
  haoyuan token patient --tokens tokens.toml \\
    --patient 5f0c6f0f6c1d4b7e9a3d2e1f00112233
";

    "help.haoyuan.audit": "Verify a journal, and ask who did what, when, why, and to which seat",
        "核验日志,并查询何人何时因何对何号做了什么";
    "usage.haoyuan.audit": "haoyuan audit [OPTIONS] DIR", "haoyuan audit [选项] 目录";
    "help.haoyuan.audit:folder": "Folder of the journal; it may be in use", "日志目录;可以正在使用";
    "help.haoyuan.audit:booking": "Only this booking (16 hexadecimal digits)", "仅此预约(16 位十六进制)";
    "help.haoyuan.audit:patient": "Only this patient's key (32 hexadecimal digits)", "仅此患者键(32 位十六进制)";
    "help.haoyuan.audit:session": "Only the session with this code", "仅此编码的班次";
    "help.haoyuan.audit:practitioner": "Only the practitioner with this code", "仅此编码的医生";
    "help.haoyuan.audit:actor": "Only what somebody did, or was the contact for: a role (patient, clerk, doctor …) or a person's key",
        "仅某人所做或作为联系人的操作:
角色(patient、clerk、doctor 等)或人员键";
    "help.haoyuan.audit:from": "From this instant or day on", "自此时刻或此日起";
    "help.haoyuan.audit:to": "Before this instant, or up to the end of this day", "至此时刻之前,或至此日结束";
    "help.haoyuan.audit:code": "Only refusals with this code", "仅此代码的拒绝";
    "help.haoyuan.audit:seat": "The life of one seat: session, slot from 0, seat of the slot from 0",
        "一个号的全程:
班次、时段(从 0 起)、时段内的号(从 0 起)";
    "help.haoyuan.audit:export": "Write all that is asked for to a new file: .ndjson, .csv or .sqlite",
        "将查询结果写入新文件:.ndjson、.csv 或 .sqlite";
    "help.haoyuan.audit:heads": "Print the chain head of each segment, to sign or to deposit", "输出每段的链头,以供签名或存证";
    "help.haoyuan.audit:against": "Check the journal against heads that were printed before", "对照此前输出的链头核验";
    "help.haoyuan.audit:json": "Print one JSON object", "输出一个 JSON 对象";
    "more.haoyuan.audit": "Everything is read from the first byte: checksums, the hash chain, the gap-free
sequence of every block. Damage ends with exit code 1 and names file and
offset. Patients and people appear as keyed hashes only.

Examples
  haoyuan audit /var/lib/haoyuan
  haoyuan audit /var/lib/haoyuan --seat AM-0310/0/3
  haoyuan audit /var/lib/haoyuan --actor doctor --from 2026-03-10 --json
  haoyuan audit /var/lib/haoyuan --export march.sqlite --from 2026-03-01
  haoyuan audit /var/lib/haoyuan --heads > heads.txt
",
        "从第一个字节读起:校验和、哈希链、每个区块无缺口的流水号。
如有损坏,退出码为 1,并指明文件与位置。患者与人员只以带密钥的哈希出现。

示例
  haoyuan audit /var/lib/haoyuan
  haoyuan audit /var/lib/haoyuan --seat AM-0310/0/3
  haoyuan audit /var/lib/haoyuan --actor doctor --from 2026-03-10 --json
  haoyuan audit /var/lib/haoyuan --export march.sqlite --from 2026-03-01
  haoyuan audit /var/lib/haoyuan --heads > heads.txt
";
    "help.haoyuan.report": "The month's figures from a journal: rates, reserves, fairness, against the policy's floors",
        "由日志得出月度指标:各项比率、预留与公平性,对照政策目标";
    "usage.haoyuan.report": "haoyuan report [OPTIONS] --month YYYY-MM DIR", "haoyuan report [选项] --month YYYY-MM 目录";
    "help.haoyuan.report:folder": "Folder of the journal; it is only read and may be in use", "日志目录;只读,可以正在使用";
    "help.haoyuan.report:month": "Which month, by the day of the visit", "哪个月,按就诊日期计";
    "help.haoyuan.report:institution": "Only the institution with this code", "仅此编码的医疗机构";
    "help.haoyuan.report:months": "Mean and pooled ratio over so many months up to this one; by default from January on",
        "截至本月的若干个月的月平均与合计比率;默认自一月起";
    "help.haoyuan.report:as_of": "As it was known at this instant or at the end of this day; by default as it is known now",
        "按此时刻或此日结束时已知的情况;默认按目前已知的情况";
    "help.haoyuan.report:visits": "What came of visits, from the hospital's own system (see below)", "医院系统中的就诊结果(见下)";
    "help.haoyuan.report:districts": "Which patient lives where: CSV with the columns patient and district, and perhaps aged_65 (true or false)",
        "患者所在区县:含 patient 与 district 两列的 CSV,
可加 aged_65 列(true 或 false,是否 65 岁及以上)";
    "help.haoyuan.report:json": "Print JSON, with the ids behind every figure", "输出 JSON,含每项指标所依据的编号";
    "help.haoyuan.report:csv": "Write every figure and every version of it as CSV", "将各项指标及其各版本写为 CSV";
    "help.haoyuan.report:html": "Write a page in both languages, to read and to print", "写出中英双语网页,可阅读、可打印";
    "more.haoyuan.report": "A figure is a numerator and a denominator; without a denominator it is not
applicable. What is recorded after the month has ended makes a new version of
the report; the earlier ones are kept and shown.

The file of --visits is CSV with a header; columns in any order: id, booking,
patient, institution, department, practitioner, slot_from, slot_to, day, kind,
class, channel, revisit, extra, confirmed_at, checked_in_at, called_at,
entered_at, outcome, recorded_at. A line with a booking (16 hexadecimal digits)
says what came of it; a line without one is a visit that was not booked here.
Instants are RFC 3339. A correction is one more line with a later recorded_at.
  kind     outpatient stomatology prenatal emergency checkup mass_test refill
           inpatient_exam inpatient_exam_exempt
  outcome  attended no_show cancelled cancelled_late stopped excused refunded

Examples
  haoyuan report /var/lib/haoyuan --month 2026-03
  haoyuan report /var/lib/haoyuan --month 2026-03 --visits march.csv \\
      --html march.html --csv figures.csv
  haoyuan report /var/lib/haoyuan --month 2026-03 --as-of 2026-04-02 --json
",
        "每项指标由分子与分母组成;分母为零则不适用。月末之后的登记形成报告的新版本,
此前各版本予以保留并列出。

--visits 的文件为带表头的 CSV,列的次序不限:id、booking、patient、institution、
department、practitioner、slot_from、slot_to、day、kind、class、channel、
revisit、extra、confirmed_at、checked_in_at、called_at、entered_at、outcome、
recorded_at。含 booking(16 位十六进制)的行说明该预约的结果;不含的行是未在此
预约的就诊。时刻用 RFC 3339。更正即另加一行,recorded_at 更晚。
  kind     outpatient stomatology prenatal emergency checkup mass_test refill
           inpatient_exam inpatient_exam_exempt
  outcome  attended no_show cancelled cancelled_late stopped excused refunded

示例
  haoyuan report /var/lib/haoyuan --month 2026-03
  haoyuan report /var/lib/haoyuan --month 2026-03 --visits march.csv \\
      --html march.html --csv figures.csv
  haoyuan report /var/lib/haoyuan --month 2026-03 --as-of 2026-04-02 --json
";
    "help.haoyuan.day": "Simulated weeks of a hospital, from the release to the month's report, recounted",
        "模拟医院的整周:自放号至月报,并独立复核";
    "usage.haoyuan.day": "haoyuan day [OPTIONS]", "haoyuan day [选项]";
    "help.haoyuan.day:patients": "How many patient-days: visits that somebody asks for; 20,000 by default",
        "患者日数,即有人求诊的人次;默认 20,000";
    "help.haoyuan.day:seed": "Seed of all draws; week k uses seed + k", "随机种子;第 k 周用种子加 k";
    "help.haoyuan.day:journal": "Keep the first week's journal in this empty folder", "将第一周的日志保存在此空目录";
    "help.haoyuan.day:html": "Write the first week's report as a page", "将第一周的报告写成网页";
    "help.haoyuan.day:json": "Print one JSON object", "输出一个 JSON 对象";
    "more.haoyuan.day": "Each week is one hospital: 100 sessions, the rush at seven, payment,
cancellations, waitlists, a stopped clinic, extra seats, no-shows (3.2, 8.3 and
15 % by channel), lateness, check-in, calling, corrections. What the answers
say is entered in books of its own and held against the invariants I1 to I3,
I11, I14, I16, I19, I20 and I22 at every step. The report is the first week's;
the same seed gives the same weeks. Exit code 1 if an invariant is violated.

Examples
  haoyuan day
  haoyuan day --patients 1m --seed 1 --json
  haoyuan day --patients 5000 --journal week --html week.html
",
        "每周为一家医院:100 个班次,七点放号、支付、退号、候补、一次停诊、加号、爽约
(按渠道 3.2%、8.3%、15%)、迟到、报到、叫号与更正。各次应答另行记账,每一步
对照不变量 I1 至 I3、I11、I14、I16、I19、I20、I22 复核。报告为第一周;同一种子
得到相同的各周。违反不变量时退出码为 1。

示例
  haoyuan day
  haoyuan day --patients 1m --seed 1 --json
  haoyuan day --patients 5000 --journal week --html week.html
";
    "help.haoyuan.verify": "Attack the engine, the journal and the day on this machine, and judge every answer",
        "在本机攻击引擎、日志与当日事务,逐一评判每个应答";
    "usage.haoyuan.verify": "haoyuan verify [OPTIONS]", "haoyuan verify [选项]";
    "help.haoyuan.verify:seconds": "For so many seconds; 30 by default", "运行秒数;默认 30";
    "help.haoyuan.verify:seed": "Seed of all draws; 1 by default", "随机种子;默认 1";
    "help.haoyuan.verify:runs": "So many runs of the engine's lane and an eighth as many of the others, however long they take",
        "engine 线运行这么多次,不限时间;
journal 与 day 线各为其八分之一";
    "help.haoyuan.verify:plant": "Plant this bug, to see what a violation looks like", "植入此错误,以观察违反时的输出";
    "help.haoyuan.verify:lane": "Only this lane: engine, journal or day", "只运行这条线:engine、journal 或 day";
    "help.haoyuan.verify:canaries": "Plant one bug of each kind, and tell how soon it is caught",
        "逐类植入一个错误,并报告多久被发现";
    "help.haoyuan.verify:json": "Print one JSON object", "输出一个 JSON 对象";
    "more.haoyuan.verify": "Every run follows from its seed: a world drawn at random, clients whose
commands are late, repeated and reordered, clocks that go forward and backward,
a disk that tears, loses, reorders, fails and fills up, power failures, in
recoveries too. A reference model written from the specification says what each
answer must be, and after a crash decides every surviving record anew. A
failing run is made small and told step by step. Exit code 1 on any violation,
or if a planted bug escapes.

Examples
  haoyuan verify
  haoyuan verify --seconds 3600 --seed 7 --json
  haoyuan verify --lane journal --runs 1000
  haoyuan verify --canaries
",
        "每次运行皆由种子决定:随机的机构与班次,迟到、重复与乱序的命令,前进与倒退的
时钟,会撕裂、丢失、乱序、出错与写满的磁盘,断电(恢复途中亦然)。依规范写成的
参考模型判定每个应答;崩溃之后,对留存的每条记录重新裁决。失败的运行会被缩小并
逐步列出。有任何违反、或植入的错误未被发现时,退出码为 1。

示例
  haoyuan verify
  haoyuan verify --seconds 3600 --seed 7 --json
  haoyuan verify --lane journal --runs 1000
  haoyuan verify --canaries
";
    "help.haoyuan.soak": "Full load from all threads with the journal; memory must stay flat",
        "以全部线程满载并写日志;内存须保持平稳";
    "usage.haoyuan.soak": "haoyuan soak [OPTIONS]", "haoyuan soak [选项]";
    "help.haoyuan.soak:seconds": "For so many seconds; 60 by default", "运行秒数;默认 60";
    "help.haoyuan.soak:journal": "Keep the journal in this empty folder; otherwise old segments are removed",
        "将日志保存在此空目录;否则旧日志段会被删除";
    "help.haoyuan.soak:json": "Print one JSON object", "输出一个 JSON 对象";
    "more.haoyuan.soak": "All threads hold, book, confirm and cancel; another recounts every seat
meanwhile; at the end the journal is read back to the same state. Exit code 1
if a recount fails, the state differs, or memory grows after the first third by
more than a twentieth and 64 MiB.

Examples
  haoyuan soak
  haoyuan soak --seconds 3600 --json
",
        "全部线程锁号、挂号、确认与退号;另一线程同时清点每个号;最后从日志读回同一
状态。清点有误、状态不同,或前三分之一之后内存增长超过二十分之一加 64 MiB 时,
退出码为 1。

示例
  haoyuan soak
  haoyuan soak --seconds 3600 --json
";
    "help.haoyuan.snapshot": "Write a snapshot, so that the next opening is quick", "写入快照,使下次打开更快";
    "usage.haoyuan.snapshot": "haoyuan snapshot [OPTIONS] DIR", "haoyuan snapshot [选项] 目录";
    "help.haoyuan.snapshot:folder": "Folder of the journal; nobody may have it open", "日志目录;不得正被打开";
    "help.haoyuan.snapshot:retire": "First retire the sessions that are over at this day or instant and count for nothing any more; the archive keeps them", "先归档到该日期或时间已结束且不再计数的班次;存档中仍保留";
    "help.haoyuan.snapshot:json": "Print JSON", "输出 JSON";
    "help.haoyuan.recover": "Recover a journal after a crash and tell what was found", "崩溃后恢复日志并报告结果";
    "usage.haoyuan.recover": "haoyuan recover [OPTIONS] DIR", "haoyuan recover [选项] 目录";
    "help.haoyuan.recover:folder": "Folder of the journal; nobody may have it open", "日志目录;不得正被打开";
    "help.haoyuan.recover:salvage": "Leave the folder as it is; bring what verifies into this new one and list what is missing",
        "不改动原目录;将可核验的内容转入此新目录,并列出缺失部分";
    "help.haoyuan.recover:json": "Print JSON", "输出 JSON";

    "help.haoyuan.policy": "List, show and check policies", "列出、查看与检查政策";
    "usage.haoyuan.policy": "haoyuan policy list|show|check …", "haoyuan policy list|show|check …(参数)";
    "help.haoyuan.policy.list": "List the built-in presets", "列出预置政策";
    "usage.haoyuan.policy.list": "haoyuan policy list [OPTIONS]", "haoyuan policy list [选项]";
    "help.haoyuan.policy.list:json": "Print JSON", "输出 JSON";
    "help.haoyuan.policy.show": "Show every value of a policy, and the text it comes from",
        "查看政策的每个取值及其政策原文";
    "usage.haoyuan.policy.show": "haoyuan policy show [OPTIONS] PRESET|FILE", "haoyuan policy show [选项] 预置名|文件";
    "help.haoyuan.policy.show:policy": "Name of a preset, or a policy file", "预置政策的名称,或政策文件";
    "help.haoyuan.policy.show:json": "Print JSON", "输出 JSON";
    "help.haoyuan.policy.check": "Check a policy file: unknown keys, contradictions, impossible sums; warns of what is hardly meant",
        "检查政策文件:未知的键、相互矛盾、不可能的总和;对易被忽略之处给出警告";
    "usage.haoyuan.policy.check": "haoyuan policy check [OPTIONS] FILE", "haoyuan policy check [选项] 文件";
    "help.haoyuan.policy.check:file": "Policy file (TOML)", "政策文件(TOML)";
    "help.haoyuan.policy.check:calendar": "Calendar of holidays (TOML, `[holidays]` alone) that goes with it", "配套的节假日日历(TOML,仅 `[holidays]` 一节)";
    "help.haoyuan.policy.check:json": "Print JSON", "输出 JSON";
    "more.haoyuan.policy": "Examples
  haoyuan policy list
  haoyuan policy show beijing-2015
  haoyuan policy check hospital.toml && haoyuan rush --policy hospital.toml

A hospital's file names the preset it extends and says only what differs:
  extends = \"jilin-2018\"
  name = \"first-hospital\"
",
        "示例
  haoyuan policy list
  haoyuan policy show beijing-2015
  haoyuan policy check hospital.toml && haoyuan rush --policy hospital.toml

医院的文件写明所扩展的预置政策,只写不同之处:
  extends = \"jilin-2018\"
  name = \"first-hospital\"
";

    "help.haoyuan.roster": "Check rosters", "检查排班表";
    "usage.haoyuan.roster": "haoyuan roster check …", "haoyuan roster check …(参数)";
    "help.haoyuan.roster.check": "Check a roster against a directory, and against a policy if one is given",
        "按目录检查排班表;若给出政策,也按政策检查";
    "usage.haoyuan.roster.check": "haoyuan roster check [OPTIONS] CSV --directory FILE",
        "haoyuan roster check [选项] CSV --directory 文件";
    "help.haoyuan.roster.check:file": "Roster (CSV) with English or Chinese headers", "排班表(CSV),表头为中文或英文";
    "help.haoyuan.roster.check:directory": "Directory of institutions, departments and practitioners (TOML)",
        "机构、科室与医生的目录(TOML)";
    "help.haoyuan.roster.check:policy": "Preset or policy file by which every session is then planned",
        "随后按此预置政策或政策文件编排每个班次";
    "help.haoyuan.roster.check:json": "Print JSON", "输出 JSON";
    "more.haoyuan.roster.check": "Every bad row is reported with line, column and reason, and the whole file is
refused.

Example
  haoyuan roster check roster.csv --directory hospital.toml --policy jilin-2018
",
        "每个有误的行都会报告行号、列与原因,且整个文件不被采用。

示例
  haoyuan roster check roster.csv --directory hospital.toml --policy jilin-2018
";

    "help.haoyuan.completions": "Print completions for a shell", "打印命令行补全脚本";
    "usage.haoyuan.completions": "haoyuan completions SHELL", "haoyuan completions 命令行解释器";
    "help.haoyuan.completions:shell": "bash, zsh, fish, elvish or powershell", "bash、zsh、fish、elvish 或 powershell";
    "more.haoyuan.completions": "Example
  haoyuan completions bash > ~/.local/share/bash-completion/completions/haoyuan
",
        "示例
  haoyuan completions bash > ~/.local/share/bash-completion/completions/haoyuan
";

    "help.haoyuan.help": "Explain a command", "说明某个命令";
    "usage.haoyuan.help": "haoyuan help [COMMAND] …", "haoyuan help [命令] …";
    "help.haoyuan.help:command": "The command, and its own command if it has some", "命令及其子命令";

    // ---- rush
    "stage.publish": "publishing the roster", "正在发布排班";
    "stage.draw": "drawing the requests", "正在生成请求";
    "stage.drive": "deciding", "正在裁决";
    "stage.recount": "recounting", "正在复核";
    "phase.rush": "release", "放号";
    "phase.payment": "payment", "支付";
    "phase.expiry": "after expiry", "过期之后";
    "phase.cancellations": "cancellations", "退号";
    "phase.fence": "fences", "释放时刻";
    "phase.second_wave": "second wave", "第二波";
    "rush.no_sessions": "there are no sessions to publish; give a roster with at least one",
        "没有可发布的班次;请给出至少有一个班次的排班表";
    "rush.head": "{scenario} | policy {policy} | seed {seed}", "{scenario} | 政策 {policy} | 种子 {seed}";
    "rush.world": "{institutions} institutions, {practitioners} practitioners, {sessions} sessions, {slots} slots, {seats} seats",
        "{institutions} 家机构,{practitioners} 名医生,{sessions} 个班次,{slots} 个时段,{seats} 个号";
    "rush.asked": "{requests} requests by {patients} patients; last release {release}",
        "{patients} 名患者的 {requests} 个请求;最后一次放号 {release}";
    "rush.svg": "the picture is in `{file}`", "图已写入 `{file}`";
    "rush.violated": "a check was violated: see the report", "有核查项被违反:见报告";
    "table.by_class": "Requests by class (ref.L2, ref.L1: referred by secondary, primary institutions)",
        "按类别统计的请求(二转、基转:由二级、基层机构转诊;绿通:绿色通道)";
    "table.by_pool": "Requests by pool (granted: where admitted; refused: where first asked)",
        "按号源池统计的请求(给号计入实际号源池,拒绝计入首选号源池)";
    "table.all": "all", "合计";
    "column.public": "public", "公众";
    "column.referral_secondary": "ref.L2", "二转";
    "column.referral_primary": "ref.L1", "基转";
    "column.contract": "contr.", "签约";
    "column.revisit": "revis.", "复诊";
    "column.on_site": "onsite", "现场";
    "column.green": "green", "绿通";
    "table.asked": "asked", "请求";
    "table.granted": "granted", "给号";
    "table.spilled": "  open to all", "  其中公共号源";
    "table.refused": "refused", "拒绝";
    "table.pool": "pool", "号源池";
    "table.reserved": "reserved", "预留";
    "table.why": "mostly because", "主要原因";
    "speed.head": "Speed", "速度";
    "speed.total": "{decisions} decisions in {seconds} s on {threads} threads: {rate}/s",
        "{threads} 个线程 {seconds} 秒内裁决 {decisions} 次:每秒 {rate}";
    "speed.latency": "latency p50 {p50} ns, p99 {p99} ns, p99.9 {p999} ns, max {max} ns",
        "延迟 p50 {p50} ns,p99 {p99} ns,p99.9 {p999} ns,最大 {max} ns";
    "speed.sampled": "one decision in {every} is timed ({sampled}); the clock's own {clock} ns are taken off",
        "每 {every} 次裁决计时一次(共 {sampled} 次);已扣除时钟自身的 {clock} ns";
    "speed.machine": "{cpu}, {cores} cores, {os} {arch}, load {load}", "{cpu},{cores} 核,{os} {arch},负载 {load}";
    "load.head": "Load on {day} per half hour: taken/seats, share, requests",
        "{day} 每半小时的就诊时段分布:已约/号源、占比、请求数";
    "load.legend": "█ public  ▓ by right (referral, contract, revisit, on site, green)  ░ free",
        "█ 公众  ▓ 按资格(转诊、签约、复诊、现场、绿色通道)  ░ 空闲";
    "svg.title": "Outpatient load on {day} by half hour", "{day} 门诊就诊时段分布(每半小时)";
    "svg.desc": "Stacked bars, one per half hour. Of {capacity} seats on {day}, {live} are taken.",
        "堆叠柱形图,每半小时一柱。{day} 共 {capacity} 个号,已约 {live} 个。";
    "svg.row": "{from}: {live} of {capacity} seats taken ({percent} %), {privileged} of them by right; {asked} requests.",
        "{from}:{capacity} 个号中已约 {live} 个({percent} %),其中按资格 {privileged} 个;请求 {asked} 次。";
    "svg.public": "taken by the public", "公众已约";
    "svg.privileged": "taken by right (referral, contract, revisit, on site, green)",
        "按资格已约(转诊、签约、复诊、现场、绿色通道)";
    "svg.free": "free", "空闲";
    "svg.note": "Height: seats. Below each bar: start of the half hour, and requests for its seats.",
        "柱高:号源数。柱下:时段开始时间,以及对该时段的请求次数。";
    "check.head": "Recount of {granted} grants ({repeated} repeated answers), {confirmed} payments, {cancelled} returns",
        "复核 {granted} 次给号({repeated} 次重复答复)、{confirmed} 次支付、{cancelled} 次退号";
    "check.good": "ok", "通过";
    "check.bad": "VIOLATED", "违反";
    "check.oversold": "one owner a seat, no more seats than there are", "一号一主,不超过号源总数";
    "check.reserve_breaches": "no reserve was taken by others before its fence", "释放之前预留号源未被他人占用";
    "check.cap_breaches": "no pool went over its cap", "没有号源池超过上限";
    "check.early_grants": "nothing was granted before its pool opened", "没有在放号之前给出的号";
    "check.late_grants": "nothing was granted after its pool closed", "没有在停挂之后给出的号";
    "check.double_bookings": "nobody overlaps with themselves or exceeds a limit", "没有患者时间冲突或超过限额";
    "check.sequence_gaps": "no transition is missing or there twice", "流水号不缺不重";
    "check.dead_confirms": "no hold was paid after its end", "没有过期之后支付的锁号";
    "check.replays_differ": "the same key gave the same answer", "同一幂等键得到同一答复";
    "check.ticket_reuse": "no ticket was used twice at once", "没有凭证同时使用两次";
    "check.misplaced": "numbers, times and pools are those of the plan", "号序、时间与号源池符合排班";
    "check.audit": "the engine's own audit agrees", "引擎自身的核查一致";
    "check.place": "{check}: block {block}, sequence {sequence}, booking {booking}",
        "{check}:区块 {block},流水号 {sequence},预约 {booking}";

    // ---- run
    "run.strict": "{file}, line {line}: {reason}; stopped because of --strict",
        "{file} 第 {line} 行:{reason};因 --strict 而停止";
    "run.wrong": "{file}: {count} lines were not valid commands; their answers say why",
        "{file}:{count} 行不是有效命令;原因见相应结果";

    // ---- journals
    "rush.journal": "Journal: {records} records of {bytes} bytes, {groups} groups, {syncs} syncs; durable {lag} ms after the last decision; state {hash}",
        "日志:{records} 条记录,每条 {bytes} 字节,{groups} 组,{syncs} 次同步;最后一次裁决后 {lag} 毫秒持久;状态 {hash}";
    "rush.durable": "Durable: up to {flight} decisions of a thread on their way to the disk; from decision to disk p50 {p50}, p99 {p99}, max {max} microseconds; all of them {all} ms, the bare disk {bare} ms for the same bytes in the same groups",
        "落盘:每个线程最多 {flight} 个裁决同时在途;从裁决到落盘 p50 {p50} 微秒、p99 {p99} 微秒、最大 {max} 微秒;全部 {all} 毫秒,裸磁盘以相同分组写入相同字节需 {bare} 毫秒";
    "rush.journal_used": "there is a journal in `{folder}` already; give a new folder", "`{folder}` 中已有日志;请给出新目录";
    "journal.folder": "`{folder}` cannot be opened or created as the folder of a journal: {reason}", "`{folder}` 无法作为日志目录打开或创建:{reason}";
    "journal.foreign": "`{folder}` has no journal; give the folder that `--journal` was given", "`{folder}` 中没有日志;请给出 `--journal` 所用的目录";
    "journal.locked": "the journal in `{folder}` is open elsewhere ({holder}); close it there, or use `haoyuan audit`, which only reads",
        "`{folder}` 中的日志正在别处打开({holder});请先在那里关闭,或使用只读的 `haoyuan audit`";
    "journal.damaged": "the journal in `{folder}` is damaged: `{file}`, offset {offset}: {reason}; affected are {affected}. Keep a copy; `haoyuan recover {folder} --salvage NEWDIR` brings over what verifies",
        "`{folder}` 中的日志已损坏:`{file}`,位置 {offset}:{reason};受影响的记录:{affected}。请先备份;`haoyuan recover {folder} --salvage 新目录` 可转出可核验的内容";
    "journal.affected": "records {first} up to before {end}", "{first} 至 {end} 之前";
    "journal.affected_from": "the records from {first} on", "自 {first} 起的全部";
    "journal.missing": "segment {segment} of the journal in `{folder}` is not there; put it back from the archive, or `haoyuan recover {folder} --salvage NEWDIR`",
        "`{folder}` 中缺少日志的第 {segment} 段;请从归档中恢复,或 `haoyuan recover {folder} --salvage 新目录`";
    "journal.version": "`{file}` was written by version {version} of the format; use a newer haoyuan", "`{file}` 由格式版本 {version} 写入;请使用更新的 haoyuan";
    "journal.behind": "snapshot `{snapshot}` in `{folder}` knows more than the journal: acknowledged records are gone; put the segments back from the archive",
        "`{folder}` 中的快照 `{snapshot}` 比日志更新:已确认的记录丢失;请从归档中恢复日志段";
    "journal.head_differs": "the journal in `{folder}` is not the one whose head was exported: segment {segment}, {records} records; it was rewritten, or the list is of another journal",
        "`{folder}` 中的日志与已存证的链头不符:第 {segment} 段,{records} 条记录;日志被改写,或链头属于另一日志";
    "journal.not_empty": "the new folder must be empty, but `{file}` is in it", "新目录必须为空,但其中有 `{file}`";
    "journal.replay": "record {record} (segment {segment}) in `{folder}` verifies and is not understood: {reason}; was it written by a newer version, or with larger sizes?",
        "`{folder}` 中第 {record} 条记录(第 {segment} 段)可核验但无法解读:{reason};它是否由更新的版本或更大的容量写入?";
    "journal.bad_snapshot": "the snapshot in `{folder}` verifies and is not understood: {reason}; move the .hys files away to recover from the first segment",
        "`{folder}` 中的快照可核验但无法解读:{reason};移走 .hys 文件即可从第一段恢复";
    "journal.other": "the journal in `{folder}`: {reason}", "`{folder}` 中的日志:{reason}";
    "audit.empty_range": "`--to` is not after `--from`: there is no such time", "`--to` 不晚于 `--from`:时间范围为空";
    "snapshot.time": "`--retire {text}` is no day or instant, such as 2026-03-02 or 2026-03-02T07:00:00+08:00",
        "`--retire {text}` 不是日期或时间,例如 2026-03-02 或 2026-03-02T07:00:00+08:00";
    "journal.opening": "reading the journal", "正在读取日志";
    "journal.not_salvaged": "bringing `{folder}` over into `{new}`: {reason}; remove `{new}`, and give the command again with another folder",
        "将 `{folder}` 转出到 `{new}`:{reason};请删除 `{new}`,换一个目录重新执行";
    "journal.salvaging": "bringing over what verifies", "正在转出可核验的内容";
    "journal.retired": "{count} sessions retired", "已归档 {count} 个班次";
    "journal.snapshot": "snapshot `{file}`, state {hash}", "快照 `{file}`,状态 {hash}";
    "journal.state": "{held} held, {booked} booked, state {hash}", "锁号 {held},已约 {booked},状态 {hash}";
    "journal.read": "{records} records in {groups} groups and {segments} segments, {bytes} bytes",
        "{records} 条记录,{groups} 组,{segments} 段,{bytes} 字节";
    "journal.from_snapshot": "they follow snapshot `{file}`, which has what was before", "以上在快照 `{file}` 之后,此前的状态取自该快照";
    "journal.passed_over": "snapshot `{file}` does not verify and was passed over", "快照 `{file}` 无法核验,已跳过";
    "journal.torn": "`{file}` ended in the middle of a group at offset {offset}: {bytes} bytes, none of them acknowledged",
        "`{file}` 在位置 {offset} 处止于组的中间:{bytes} 字节,均未被确认";
    "journal.dangling": "record {record} follows a gap (block {block}, sequence {sequence} after {reached}) and was set aside",
        "第 {record} 条记录位于缺口之后(区块 {block},流水号 {reached} 之后为 {sequence}),已搁置";
    "journal.salvaged": "{records} records are in `{folder}`; {lost} are lost, {unchained} have no chain to what came before",
        "{records} 条记录已转入 `{folder}`;丢失 {lost} 条,{unchained} 条与之前的链不相接";
    "journal.gap": "  missing: session `{session}`, slot {slot} (block {block}), sequences {first} to {last}",
        "  缺失:班次 `{session}` 时段 {slot}(区块 {block}),流水号 {first} 至 {last}";
    "journal.segments_gap": "  missing: segments {first} to {last}", "  缺失:第 {first} 至 {last} 段";
    "audit.verifying": "verifying", "正在核验";
    "audit.reading": "reading", "正在读取";
    "audit.verified": "verified: checksums, chain and sequences", "核验通过:校验和、哈希链与流水号";
    "audit.matched": "{count} records match", "{count} 条记录符合";
    "audit.first_of": "{count} records match, {shown} are shown; --export has all", "{count} 条记录符合,显示 {shown} 条;--export 输出全部";
    "audit.exported": "{count} records are in `{file}`", "{count} 条记录已写入 `{file}`";
    "audit.export_form": "`{file}` must end in .ndjson, .csv or .sqlite", "`{file}` 须以 .ndjson、.csv 或 .sqlite 结尾";

    // ---- report
    "report.head": "{month}  {name} ({code})", "{month} 月报  {name}({code})";
    "report.basis": "definitions {rules}, floors of `{policy}`, version {version}, as known at {as_of}",
        "定义 {rules},目标取自 `{policy}`,第 {version} 版,截至 {as_of} 已知";
    "report.measure": "measure", "指标";
    "report.of": "of", "对象";
    "report.value": "value", "值";
    "report.parts": "parts", "分子 / 分母";
    "report.floor": "floor", "目标";
    "report.verdict": "verdict", "结论";
    "report.excluded": "left out", "不计入";
    "report.pass": "pass", "达标";
    "report.fail": "fail", "未达标";
    "report.not_applicable": "not applicable", "不适用";
    "report.minutes": "{n} min", "{n} 分";
    "report.hours": "{n} h", "{n} 小时";
    "report.days": "{n} d", "{n} 天";
    "report.period": "{first} to {last}, mean of the months and ratio of the sums:", "{first} 至 {last},月平均与合计比率:";
    "report.period_row": "  {measure}: mean {mean}, pooled {pooled}", "  {measure}:月平均 {mean},合计 {pooled}";
    "report.version": "version {number}, as known at {as_of}, said otherwise:", "第 {number} 版(截至 {as_of} 已知)与现版不同:";
    "report.version_row": "  {measure}: {was}, now {is}", "  {measure}:{was},现为 {is}";
    "report.written": "written: `{file}`", "已写入:`{file}`";
    "report.nothing": "no institution has a session or visit in this month", "本月没有任何医疗机构有班次或就诊";
    "report.no_institution": "there is no institution `{code}` in this journal", "此日志中没有医疗机构 `{code}`";
    "report.bad_row": "`{file}`, line {line}, column {column}: expected {reason}", "`{file}` 第 {line} 行 {column} 列:应为 {reason}";
    "report.bad_time": "`{value}` is neither an instant nor a day; write 2026-04-02 or 2026-04-02T08:00:00+08:00",
        "`{value}` 既非时刻也非日期;请写 2026-04-02 或 2026-04-02T08:00:00+08:00";
    "report.title": "Monthly report of outpatient booking", "门诊预约诊疗月报";
    "report.figures": "All figures", "全部指标";
    "report.over_months": "Over the months", "多月情况";
    "report.mean": "mean of the months", "月平均";
    "report.pooled": "ratio of the sums", "合计比率";
    "report.by_group": "By department, practitioner and channel", "按科室、医生与渠道";
    "report.no_shows": "no-shows", "爽约率";
    "report.mean_wait": "waiting", "平均等待";
    "report.corrections": "Corrections after the month had ended", "月末之后的更正";
    "report.known_at": "version", "版本";
    "report.was": "was", "原为";
    "report.is": "is", "现为";
    "report.ids": "Below the floor: where to look", "未计入分子的编号";
    "report.chart_rates": "Rates and their floors (black mark)", "比率与目标(黑色标记)";
    "report.chart_reserves": "Reserves: used (green), released and used by others (blue), released in vain (red); used / released / offered",
        "预留:已用(绿)、释放后他用(蓝)、释放未用(红);已用 / 释放 / 预留";
    "report.chart_departments": "Booking rate by department, lowest first", "各科室预约诊疗率,由低到高";
    "report.chart_day": "Visits with a time, by half hour", "就诊时段分布(按半小时)";
    "report.chart_months": "Booking rate by month", "各月预约诊疗率";
    "kpi.booking": "Booking rate", "预约诊疗率";
    "kpi.booking_strict": "Booking rate without same-visit bookings", "预约诊疗率(不含到院即约)";
    "kpi.revisit": "Revisit booking rate", "复诊预约率";
    "kpi.revisit_strict": "Revisit booking rate without same-visit bookings", "复诊预约率(不含到院即约)";
    "kpi.stomatology_revisit": "Revisit booking rate, stomatology", "口腔复诊预约率";
    "kpi.prenatal_revisit": "Revisit booking rate, prenatal checks", "产前检查复诊预约率";
    "kpi.inpatient_exam": "Booking rate of inpatient examinations", "住院患者检查预约率";
    "kpi.slotted": "Booked in slots of the rule", "分时段就诊率";
    "kpi.precision": "Sessions in slots of the rule", "分时段精度达标率";
    "kpi.slot_accuracy": "Called within the slot", "时段准确率";
    "kpi.same_day": "Booked on the day", "当日预约占比";
    "kpi.waiting": "Mean waiting time after booking", "预约后平均等待时间";
    "kpi.waiting_literal": "Mean time from arrival to entry", "到院至入诊平均时间";
    "kpi.no_show": "No-shows", "爽约率";
    "kpi.cancelled": "Cancellations", "退号率";
    "kpi.extra": "Extra seats", "加号率";
    "kpi.green_extra": "Extra seats of the green channel", "绿色通道加号率";
    "kpi.offered": "Seats offered ahead", "号源投放率";
    "kpi.used": "Offered seats used", "号源利用率";
    "kpi.stopped": "Sessions stopped", "停诊率";
    "kpi.stopped_late": "Stopped within 24 hours", "24小时内停诊占比";
    "kpi.reserved": "Reserve", "预留达标率";
    "kpi.reserve_used": "Reserve used", "预留使用率";
    "kpi.reserve_released": "Reserve released", "预留释放率";
    "kpi.released_used": "Released seats used", "释放后使用率";
    "kpi.denied": "Requests denied", "拒绝率";
    "kpi.channel_parity": "Channel parity", "渠道均等比";
    "kpi.first_seconds": "Gone in the first 5 seconds", "放号5秒内占比";
    "kpi.concentration": "Concentration over patients", "预约集中度";
    "kpi.overtaken": "Priority inversions", "优先级倒置";
    "kpi.waitlist_served": "Waitlist served", "候补兑现率";
    "kpi.third_next": "Third next free seat", "第三可约时间";
    "kpi.district_evenness": "Evenness over districts", "区县均衡度";

    // ---- day
    "day.summary": "{weeks} weeks, {checks} checks, {violations} violations, {seconds} s: {command}",
        "{weeks} 周,复核 {checks} 次,违反 {violations} 次,{seconds} 秒:{command}";
    "day.violated": "{count} violations; the same again: {command}", "违反 {count} 次;重现:{command}";
    "day.no_command": "the simulation gave a command that is none: {what}", "模拟给出了无效命令:{what}";
    "day.not_empty": "`{folder}` has a journal already; name an empty folder", "`{folder}` 已有日志;请指定空目录";

    // ---- serve, token
    "serve.listens": "haoyuan listens: {url}", "haoyuan 正在监听:{url}";
    "serve.in_memory": "in memory: what is booked is gone when it ends", "仅在内存中:结束后预约即消失";
    "serve.async": "journal in `{folder}`: a crash costs at most 50 ms", "日志在 `{folder}`:崩溃最多丢失 50 毫秒";
    "serve.synced": "journal in `{folder}`: an answer is on disk", "日志在 `{folder}`:答复时已落盘";
    "serve.demo": "a demonstration: open the page; administrator's token of this run: {token}",
        "演示:请打开页面;本次运行的管理员令牌:{token}";
    "serve.no_tokens": "no file of tokens: one may only ask what is public", "未提供令牌文件:只能查询公开内容";
    "serve.how_to_end": "Ctrl-C ends it", "按 Ctrl-C 结束";
    "serve.ended": "ended; state {hash}", "已结束;状态 {hash}";
    "serve.bind": "`{address}` cannot be listened at: {reason}; choose another with --address",
        "无法监听 `{address}`:{reason};请用 --address 另选";
    "serve.readable": "`{file}` can be read by others; chmod 600 it", "`{file}` 可被他人读取;请执行 chmod 600";
    "serve.reloaded": "`{file}` was read again", "已重新读取 `{file}`";
    "token.once": "the token, shown this once: {token}", "令牌(仅显示这一次):{token}";
    "token.until": "valid until {time}", "有效至 {time}";
    "token.patient": "`--patient` is 32 hexadecimal digits of a keyed hash, never a name or an identity number",
        "`--patient` 须为带密钥哈希的 32 位十六进制数;切勿填写姓名或证件号";
    "token.channel": "there is no channel `{channel}`; the channels are: {known}", "没有渠道 `{channel}`;渠道有:{known}";
    "token.no_key": "`{file}` has no key that is valid now; make one with `haoyuan token key`",
        "`{file}` 中没有当前有效的密钥;请用 `haoyuan token key` 生成";
    "token.wrong": "field `{key}`: {reason}", "字段 `{key}`:{reason}";

    // ---- verify, soak
    "verify.summary": "{operations} operations, {faults} faults, {crashes} crashes, {histories} histories checked, {violations} violations, {seconds} s: {command}",
        "操作 {operations} 次,故障 {faults} 次,崩溃 {crashes} 次,检验历史 {histories} 个,违反 {violations} 次,{seconds} 秒:{command}";
    "verify.violated": "{count} violations; the same again: {command}", "违反 {count} 次;重现:{command}";
    "verify.failure": "lane {lane}, seed {seed}: {found}\n{enough} of {steps} steps are enough: {found_in_these}",
        "{lane} 线,种子 {seed}:{found}\n{steps} 步中 {enough} 步已足够:{found_in_these}";
    "verify.canaries": "{caught} of {all} planted bugs caught, each with {seeds} seeds: median commands and time",
        "植入 {all} 个错误,发现 {caught} 个,各用 {seeds} 个种子:命令数与用时的中位数";
    "verify.escaped": "a planted bug was not caught: {bugs}", "有植入的错误未被发现:{bugs}";
    "soak.summary": "{seconds} s on {threads} threads: {decisions} decisions ({rate}/s), {granted} granted, {records} records; {audits} recounts, {broken} violations; memory {start}, {third}, {middle}, {end} MiB at the start, after a third, in the middle, at the end; read back to the same state: {same}",
        "{threads} 个线程运行 {seconds} 秒:裁决 {decisions} 次({rate}/秒),给号 {granted} 次,记录 {records} 条;清点 {audits} 次,违反 {broken} 次;内存在开始、三分之一处、中间、结束时为 {start}、{third}、{middle}、{end} MiB;读回同一状态:{same}";
    "soak.violated": "the soak found something wrong: see above", "长时间负载发现问题:见上";

    // ---- policy, roster
    "policy.unknown": "there is no preset and no file `{name}`; the presets are: {presets}",
        "没有名为 `{name}` 的预置政策或文件;预置政策有:{presets}";
    "policy.list_more": "`haoyuan policy show NAME` shows every value and where it comes from",
        "`haoyuan policy show 名称` 显示每个取值及其出处";
    "policy.carried": "  (read and checked; decides nothing yet)", "  (已读取并检查,尚不参与裁决)";
    "policy.no_source": "no source given", "未注明出处";
    "policy.good": "`{file}` is good: policy `{name}`, {count} values", "`{file}` 无误:政策 `{name}`,共 {count} 个取值";
    "policy.warning": "warning: {what}", "警告:{what}";
    "roster.good": "`{file}` is good: {sessions} sessions, {seats} seats", "`{file}` 无误:{sessions} 个班次,{seats} 个号";
    "roster.bad": "`{file}` is refused as a whole; rows with an error: {count}", "`{file}` 整个不被采用;有误的行数:{count}";
}
