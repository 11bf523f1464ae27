//! Dotenv files: those from reported faults, and generated ones.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Files to which an earlier version delivered a key, although some reader then saw no key or another one.
pub(crate) const REPORTED: [&str; 53] = [
    "DATA=C:\\data\\\n",
    "DATA=C:\\data\\\nOPENAI_API_KEY=old\n",
    "A=it's\n",
    "cat <<END\n",
    "f() {\n",
    "if false; then\n",
    "OPENAI_API_KEY=\t# x\n",
    "OPENAI_API_KEY=old\t# x\n",
    "OPENAI_API_KEY=old\t\n",
    "\tOPENAI_API_KEY=old\n",
    "export\tOPENAI_API_KEY=old\n",
    "export OPENAI_API_KEY=old; export B=2\n",
    "export OPENAI_API_KEY=old B=2\n",
    "OPENAI_API_KEY= # your key\n",
    "OPENAI_API_KEY=\"old\" # your key\n",
    "OPENAI_API_KEY=  old\n",
    "OPENAI_API_KEY = old\n",
    "export OPENAI_API_KEY = 'old' # mine\n",
    "OPENAI_API_KEY=`old`\n",
    "OPENAI_API_KEY=old\r\n",
    "A=1\r\nB=2\r\n",
    "A: 1\n",
    "\u{feff}",
    "\u{feff}OPENAI_API_KEY=old\n",
    "A=1  # don't\n",
    "OPENAI_API_KEY=old\n   ",
    "A= exit\n",
    "A=1 exit\n",
    "export A-B=1\n",
    "OPENAI_API_KEY=old\nA=\"x\nOPENAI_API_KEY=y\"\n",
    "UID=1000\nGID=1000\n",
    "functions=x\n",
    "export path=/bin\n",
    "SECONDS=1s\n",
    "ZLE_RPROMPT_INDENT=1.2.3\n",
    "COLUMNS=80\nLINES=\"24\"\nHISTSIZE=\n",
    "SHLVL=OPENAI_API_KEY=y\n",
    "export PPID=1\n",
    "OPTIND=x\n",
    "status=ok\n",
    "options=x\n",
    "A==x\n",
    "A=x:=y\n",
    "export A=~no-such-user\n",
    "A=x:~no-such-user\n",
    "A=$B[x\n",
    "A=\"$B[x\"\n",
    "A=$B:s/x\n",
    "A.B=x*\n",
    "\u{feff}A=x*\n",
    "A = x*\n",
    "A =x\n",
    "A=~\r\n",
];

/// Generates lines that are usual in dotenv files.
fn usual_line() -> impl Strategy<Value = String> {
    let ours = select(vec![
        "OPENAI_API_KEY=old",
        "OPENAI_API_KEY=",
        "OPENAI_API_KEY=<your key>",
        "export OPENAI_API_KEY=\"old\"",
        "  OPENAI_API_KEY='old' # note",
        "OPENAI_API_KEY= old # note",
        "OPENAI_API_KEY = old",
        "OPENAI_API_KEY=\told\t# it's",
    ]);
    let others = select(vec![
        "",
        "   ",
        "\t",
        "# a comment with \"quotes'",
        "  # indented; $(id)",
        "\t# `x",
        "#OPENAI_API_KEY=old",
        "A=1",
        "A=1 # it's",
        "export A=1",
        "export B='two words' # note",
        "C=\"several\nOPENAI_API_KEY=x\nlines\"",
        "C='several\r\n  export OPENAI_API_KEY=x\n# lines'",
        "D=\"an \\\" escape\"",
        "D=\"\\\\ \\n \\$x\"",
        "D='C:\\data'",
        "OPENAI_API_KEY_2=x",
        "  F = spaced  ",
        "G=a#b",
        "G=a#b # c",
        "H=",
        "H= # nothing",
        "I=http://host:80/path?query#fragment",
        "J={\"a\":1,\"b\":[2]}",
        "K=${A}/$B/${C:-x}",
        "K=\"${A} $(id -u)\"",
        "L=$(id)",
        "M=~/*.txt",
        "R=~:~/x:~",
        "T=http://$HOST:80/~user?x=[1]",
        "N.O=1",
        "P=ünï–code",
        "Q=\"#\" # \"#\"",
    ]);
    prop_oneof![
        1 => ours.prop_map(str::to_owned),
        5 => others.prop_map(str::to_owned),
        2 => "(export )?[A-Z][A-Z0-9_]{0,8}=[a-z0-9:/@.-]{0,12}",
    ]
}

/// Generates lines that are unusual in dotenv files.
fn odd_line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "(export |  |\t)?(A|OPENAI_API_KEY|exit|A\\.B)( |\t)?=( |\t)?[a-z\"'`\\\\$(){}<>;&|#!~*?=\\[\\]@:%^,. \t-]{0,7}",
        2 => "(export |  |\t)?(A|OPENAI_API_KEY)=\"([a-z'\\\\$(){};#! \t\n-]|\\\\\"|OPENAI_API_KEY=x){0,7}\"(| |\t| #| # [\"'`a])",
        2 => "(A|OPENAI_API_KEY)='([a-z\"\\\\$(){};#! \t\n`-]|OPENAI_API_KEY=x){0,7}'(| |\t| #| # [\"'`a])",
        1 => "[A-Za-z#=:\"'`\\\\ \t\u{a0}\u{2028}\u{b}\u{c}\u{85}é]{0,8}",
    ]
}

pub(crate) fn file() -> impl Strategy<Value = String> {
    let line = || prop_oneof![12 => usual_line().boxed(), 1 => odd_line().boxed()];
    let ending = || select(vec!["\n", "\n", "\n", "\r\n"]);
    let usual = vec((line(), ending()), 0..12);
    let odd =
        vec((prop_oneof![usual_line().boxed(), odd_line().boxed(), odd_line().boxed()], ending()), 1..4);
    let mark = prop::bool::weighted(0.1);
    (mark, prop_oneof![usual, odd], any::<bool>()).prop_map(|(mark, lines, ends)| {
        let mut text: String = lines.iter().flat_map(|(line, ending)| [line.as_str(), ending]).collect();
        if !ends {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        if mark { format!("\u{feff}{text}") } else { text }
    })
}
