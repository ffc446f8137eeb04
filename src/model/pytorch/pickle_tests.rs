//! Tests of the pickle reader: what it understands, and that it stops at everything else.

use proptest::prelude::*;

use super::super::value::Value;
use super::*;

fn value(pickle: &[u8]) -> Result<Value, String> {
    let objects = read_pickle(pickle)?;
    objects.value(objects.root)
}

#[test]
fn plain_values_are_read_as_python_wrote_them() {
    // pickle.dumps({"a": (1, -2, 300, 70000, 2**40, 0.07), "b": [None, True, False, "é"], "c": {}}, 2)
    let pickle = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\
        \x8a\x06\x00\x00\x00\x00\x00\x01G?\xb1\xeb\x85\x1e\xb8Q\xectq\x02X\x01\x00\x00\x00bq\x03]q\x04\
        (N\x88\x89X\x02\x00\x00\x00\xc3\xa9q\x05eX\x01\x00\x00\x00cq\x06}q\x07u.";
    let found = value(pickle).unwrap();
    let ints = [1, -2, 300, 70000, 1 << 40].map(Value::Int);
    let a = ints.into_iter().chain([Value::Float(0.07)]).collect();
    assert_eq!(found.get("a"), Some(&Value::Tuple(a)));
    let b = vec![Value::None, Value::Bool(true), Value::Bool(false), Value::Str("é".into())];
    assert_eq!(found.get("b"), Some(&Value::List(b)));
    assert_eq!(found.get("c"), Some(&Value::Dict(vec![])));
}

#[test]
fn newer_protocols_are_read_too() {
    // pickle.dumps(["a", "a"], 4)
    let pickle = b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00]\x94(\x8c\x01a\x94h\x01e.";
    assert_eq!(value(pickle), Ok(Value::List(vec![Value::Str("a".into()); 2])));
}

#[test]
fn every_way_to_name_foreign_code_stops_at_its_name() {
    let pickles: [&[u8]; 5] = [
        b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.",
        b"(X\x02\x00\x00\x00idios\nsystem\n.",
        b"(cos\nsystem\nX\x02\x00\x00\x00ido.",
        b"\x80\x02cos\nsystem\n)\x81.",
    ];
    for pickle in pickles {
        let problem = value(pickle).unwrap_err();
        assert!(problem.contains("`os.system`"), "{problem}");
    }
}

#[test]
fn accepted_globals_do_nothing_but_their_one_job() {
    let cases: [(&[u8], &str); 6] = [
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "a storage type is called"),
        (b"\x80\x02ccollections\nOrderedDict\n]\x85R.", "with arguments"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.", "unexpected arguments"),
        (b"\x80\x02icollections\nOrderedDict\n.", "collections.OrderedDict"),
        (b"\x80\x02X\x01\x00\x00\x00a)R.", "a str is called"),
        (b"\x80\x02}}b.", "state is set on a dict"),
    ];
    for (pickle, words) in cases {
        let problem = value(pickle).unwrap_err();
        assert!(problem.contains(words), "{problem:?} should say {words:?}");
    }
}

#[test]
fn malformed_programs_are_errors() {
    let cases: [(&[u8], &str); 12] = [
        (b"", "cut short"),
        (b"\x80\x02.", "the stack is empty"),
        (b"\x80\x09N.", "protocol 9"),
        (b"h\x05.", "nothing was stored as 5"),
        (b"t.", "no mark"),
        (b"K\x01(\x85.", "the stack is empty"), // a tuple that would reach below the mark
        (b"}(K\x01u.", "a key without a value"),
        (b"K\x01K\x02a.", "added to an int"),
        (b"X\xff\xff\xff\xffabc.", "cut short"),
        (b"\x8a\x09123456789.", "9 bytes"),
        (b"X\x02\x00\x00\x00\xff\xfe.", "UTF-8"),
        (b"I1\n.", "instruction 0x49"),
    ];
    for (pickle, words) in cases {
        let problem = value(pickle).unwrap_err();
        assert!(problem.contains(words), "{problem:?} should say {words:?}");
    }
}

#[test]
fn a_list_that_holds_itself_is_refused_not_followed() {
    let problem = value(b"\x80\x02]q\x00h\x00a.").unwrap_err();
    assert!(problem.contains("nested too deeply"), "{problem}");
}

#[test]
fn lists_that_double_thirty_times_are_refused_not_copied() {
    let mut pickle = b"\x80\x02]q\x00".to_vec();
    for level in 0..30 {
        // A new list of the last one, twice.
        pickle.extend([b']', b'q', level + 1, b'(', b'h', level, b'h', level, b'e']);
    }
    pickle.push(b'.');
    let problem = value(&pickle).unwrap_err();
    assert!(problem.contains("too large"), "{problem}");
}

/// Every instruction that is accepted or known, and a few small numbers.
const CODES: &[u8] = b".\x80\x02\x95(qrh\x94jN\x88\x89JKM\x8aGX\x8c)t\x85\x86\x87]}aesuc\x93iQRb\n\x00";

proptest! {
    #[test]
    fn no_program_of_accepted_instructions_panics(
        codes in prop::collection::vec(prop::sample::select(CODES), 0..200),
    ) {
        let _ = value(&codes);
    }
}
