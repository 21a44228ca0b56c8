//! The standard library: what is carried works, and what is not says so.

use ampule_tests::snippet::{Snippet, check};
use ampule_tests::value;
use serde_json::json;

use super::{python, run_source};

#[tokio::test]
async fn the_library_works_without_a_file_of_it() {
    let s = Snippet::returns;
    check(
        &python(),
        "python",
        &[
            s(
                "base64, struct",
                "\
import base64, struct
_return(base64.b64encode(struct.pack('>H', 258)).decode())",
                json!("AQI="),
            ),
            s(
                "bisect, heapq",
                "\
import bisect, heapq
_return(bisect.bisect([1, 3], 2), heapq.nsmallest(1, [2, 1]))",
                json!([1, [1]]),
            ),
            s(
                "codecs",
                "\
_return('é'.encode('cp1252').hex(), 'あ'.encode('shift_jis').hex())
_return('bü'.encode('idna').decode())",
                json!(["e9", "82a0", "xn--b-eha"]),
            ),
            s(
                "collections, dataclasses, pickle",
                "\
import dataclasses, pickle
@dataclasses.dataclass
class P:
  x: int = 1
_return(pickle.loads(pickle.dumps(P(3))).x)",
                json!(3),
            ),
            s(
                "configparser, csv, io",
                "\
import configparser, csv, io
c = configparser.ConfigParser(); c.read_string('[a]\\nb = 1')
_return(c['a']['b'], list(csv.reader(io.StringIO('x,\"y\"'))))",
                json!(["1", [["x", "y"]]]),
            ),
            s(
                "datetime",
                "\
import datetime
_return(datetime.datetime.fromtimestamp(0, datetime.UTC).isoformat())
_return(datetime.datetime.strptime('3 May 2020', '%d %b %Y').month)",
                json!(["1970-01-01T00:00:00+00:00", 5]),
            ),
            s(
                "decimal, fractions",
                "\
from decimal import Decimal; from fractions import Fraction
_return(str(Decimal('0.1') * 3), str(Fraction(1, 3) * 2))",
                json!(["0.3", "2/3"]),
            ),
            s(
                "difflib, textwrap, string",
                "\
import difflib, string, textwrap
_return(difflib.get_close_matches('aple', ['apple']), textwrap.fill('a b', 1))
_return(string.Template('$a').substitute(a=1))",
                json!([["apple"], "a\nb", "1"]),
            ),
            s(
                "email",
                "\
import email.message
m = email.message.EmailMessage(); m['To'] = 'a@b'; m.set_content('é')
_return(m['To'], m.get_content())",
                json!(["a@b", "é\n"]),
            ),
            s(
                "hashlib, hmac",
                "\
import hashlib, hmac
_return(hashlib.sha256(b'').hexdigest()[:8], hashlib.blake2b(b'').hexdigest()[:8])
_return(hmac.new(b'k', b'm', 'md5').hexdigest()[:4])",
                json!(["e3b0c442", "786a02f7", "ed7e"]),
            ),
            s(
                "html, urllib.parse",
                "\
import html, urllib.parse
_return(html.escape('<'), urllib.parse.urlencode({'a': 'b c'}))",
                json!(["&lt;", "a=b+c"]),
            ),
            s(
                "inspect",
                "\
import inspect
def f(): return 1
_return(inspect.getsource(f))",
                json!("def f(): return 1\n"),
            ),
            s(
                "itertools, functools, statistics",
                "\
import functools, itertools, statistics
_return(list(itertools.pairwise([1, 2, 3])), functools.reduce(max, [1, 2]))
_return(statistics.median([1, 2, 9]))",
                json!([[[1, 2], [2, 3]], 2, 2]),
            ),
            s(
                "re, unicodedata",
                "\
import re, unicodedata
_return(re.findall(r'\\w+', 'a é'), unicodedata.name('é'))",
                json!([["a", "é"], "LATIN SMALL LETTER E WITH ACUTE"]),
            ),
            s(
                "sqlite3",
                "\
import sqlite3
_return(sqlite3.connect(':memory:').execute('select 1 + 1').fetchall())",
                json!([[2]]),
            ),
            s("tomllib", "import tomllib\n_return(tomllib.loads('a = [1]'))", json!({"a": [1]})),
            s(
                "typing",
                "\
import typing
class A:
  b: 'A'
_return(str(typing.get_type_hints(A)['b']))",
                json!("<class '__main__.A'>"),
            ),
            s(
                "unittest",
                "\
import unittest
class T(unittest.TestCase):
  def test_it(self): self.assertEqual(1, 1)
_return(unittest.main(exit=False).result.testsRun)",
                json!(1),
            ),
            s(
                "uuid, secrets",
                "\
import secrets, uuid
_return(uuid.uuid4().version, uuid.uuid1().version, len(secrets.token_hex(8)))",
                json!([4, 1, 16]),
            ),
            s(
                "xml",
                "\
import xml.etree.ElementTree as ET, xml.dom.minidom as D
_return(ET.fromstring('<a><b c=\"1\"/></a>')[0].get('c'))
_return(D.parseString('<a/>').documentElement.tagName)",
                json!(["1", "a"]),
            ),
            s(
                "zlib, gzip, zipfile",
                "\
import gzip, io, zipfile, zlib
b = io.BytesIO()
with zipfile.ZipFile(b, 'w') as z: z.writestr('n', 'x')
_return(zlib.crc32(b'a'), gzip.decompress(gzip.compress(b'y')).decode())
_return(zipfile.ZipFile(b).read('n').decode())",
                json!([3904355907_u32, "y", "x"]),
            ),
            s(
                "zoneinfo",
                "\
import datetime, zoneinfo
_return(datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo('UTC')).isoformat())",
                json!("2020-01-01T00:00:00+00:00"),
            ),
            s(
                "warnings",
                "\
import warnings
with warnings.catch_warnings(record=True) as w:
  warnings.simplefilter('always'); warnings.warn('careful')
_return(str(w[0].message))",
                json!("careful"),
            ),
            s(
                "locale, platform",
                "\
import locale, platform
_return(locale.getpreferredencoding(), platform.python_version_tuple()[:2])",
                json!(["UTF-8", ["3", "14"]]),
            ),
            s(
                "large integers as text",
                "_return(len(str(10**4000)), int('9' * 4000) == 10**4000 - 1)",
                json!([4001, true]),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_not_carried_is_named() {
    let r = |name, source: &str, message| Snippet::raises(name, source, "ModuleNotFoundError", message);
    let of_library = "this interpreter does not carry that part of the standard library";
    let others = "this interpreter carries Python's standard library and no other packages";
    check(
        &python(),
        "python",
        &[
            r("windows", "import tkinter", "No module named 'tkinter': ")
                .showing("  File \"job\", line 1, in <module>\n    import tkinter\nModuleNotFoundError: "),
            r("processes", "import multiprocessing", of_library),
            r("a C library", "import ssl", of_library),
            r("part of a package", "import xml.nothing", "No module named 'xml.nothing': "),
            r("a package of others", "import numpy", "No module named 'numpy': "),
            r("a package of others says why", "import numpy.linalg", others),
            r("the interpreter's own parts", "import failures", others),
            Snippet::returns(
                "who asks first is told no",
                "import importlib.util\n_return(importlib.util.find_spec('numpy'))",
                json!(null),
            ),
            Snippet::returns(
                "who catches it goes on",
                "try: import numpy\nexcept ImportError as e: _return(e.name)",
                json!("numpy"),
            ),
            Snippet::raises(
                "time zones",
                "import zoneinfo; zoneinfo.ZoneInfo('Europe/Oslo')",
                "zoneinfo._common.ZoneInfoNotFoundError",
                "carries only UTC",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn every_module_of_the_library_is_here_or_not_found() {
    let source = "
import sys
missing = []
for name in sorted(sys.stdlib_module_names):
    try: __import__(name)
    except ModuleNotFoundError as error: missing.append(error.name)
_return([name for name in missing if not name.startswith('_')])";
    let missing = value(run_source(source, |job| job).await);
    let expected = json!([
        "antigravity",
        "bz2",
        "compileall",
        "ctypes",
        "curses",
        "ensurepip",
        "fcntl",
        "ftplib",
        "grp",
        "idlelib",
        "imaplib",
        "lzma",
        "mmap",
        "msvcrt",
        "multiprocessing",
        "nt",
        "nturl2path",
        "poplib",
        "pty",
        "pwd",
        "py_compile",
        "pydoc_data",
        "readline",
        "resource",
        "smtplib",
        "ssl",
        "syslog",
        "termios",
        "this",
        "tkinter",
        "tty",
        "turtle",
        "turtledemo",
        "venv",
        "webbrowser",
        "winreg",
        "winsound",
        "wsgiref",
        "xmlrpc",
        "zipapp",
    ]);
    assert_eq!(missing, expected);
}
