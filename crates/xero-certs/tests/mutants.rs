//! 100,000 damaged files: none panics, hangs or takes more than 64 MiB.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    collections::BTreeMap,
    fs,
    path::PathBuf,
    thread,
};

use x509_parser::asn1_rs::{Any, FromBer};
use xero_certs::{Certificate, Error, FileKind, MAX_FILE, Password, Pfx, PrivateKey};

const MUTANTS: u64 = 100_000;
const MAX_HEAP: isize = 64 * 1024 * 1024;
/// Many key-derivation rounds: good files, too slow to be opened many thousand times.
const SLOW: [&str; 4] = ["iter-600000", "keytool-legacy", "test-nss", "gnutls"];

/// The system's allocator, counting for each thread what it holds and the most it held.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    let held = HELD.get() + change;
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

fn size(layout: Layout) -> isize {
    layout.size().cast_signed()
}

// SAFETY: every call goes to the system's allocator with the caller's own arguments, and its answer comes back
// unchanged; counting touches two thread-local numbers, which neither allocate nor have a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(size(layout));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-size(layout));
        // SAFETY: the caller keeps the contract of `dealloc`, and `pointer` came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that the thread's heap grew while `work` ran, in bytes.
fn heap_growth<T>(work: impl FnOnce() -> T) -> (isize, T) {
    let before = HELD.get();
    PEAK.set(before);
    let result = work();
    (PEAK.get() - before, result)
}

/// xorshift64*: the same mutants on every run.
struct Random(u64);

impl Random {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        usize::try_from(number).unwrap() % bound
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }
}

/// A good file and the password that opens it.
struct Seed {
    file: Vec<u8>,
    password: Option<Password>,
}

struct Seeds {
    pfx: Vec<Seed>,
    /// The same files without their MAC, so that damage behind it is reached.
    without_mac: Vec<Seed>,
    /// These in BER, as NSS writes it, with fewer derivation rounds than NSS has.
    ber: Vec<Seed>,
    keys: Vec<Seed>,
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certs")
}

fn seeds_of(manifest: &serde_json::Value, array: &str) -> Vec<Seed> {
    let files = manifest[array].as_array().unwrap().iter();
    let quick = files.filter(|entry| !SLOW.iter().any(|slow| entry["file"].as_str().unwrap().contains(slow)));
    quick
        .map(|entry| Seed {
            file: fs::read(fixtures().join(entry["file"].as_str().unwrap())).unwrap(),
            password: entry["password"].as_str().map(Password::new),
        })
        .collect()
}

impl Seeds {
    fn read() -> Self {
        let manifest = fs::read(fixtures().join("manifest.json")).unwrap();
        let manifest = serde_json::from_slice(&manifest).unwrap();
        let pfx = seeds_of(&manifest, "kinds");
        let change = |seeds: &[Seed], how: fn(&[u8]) -> Vec<u8>| {
            seeds.iter().map(|seed| Seed { file: how(&seed.file), password: seed.password.clone() }).collect()
        };
        let without_mac: Vec<_> = change(&pfx, without_mac);
        let ber = change(&without_mac, |file| in_ber(file, true));
        Self { pfx, without_mac, ber, keys: seeds_of(&manifest, "keys") }
    }

    /// Of five mutants two lost their MAC, one of these is in BER, and one is a key file.
    fn of(&self, number: u64) -> &[Seed] {
        match number % 5 {
            0 => &self.without_mac,
            1 => &self.ber,
            2 | 3 => &self.pfx,
            _ => &self.keys,
        }
    }
}

/// `PFX ::= SEQUENCE { version, authSafe, macData OPTIONAL }` without the third.
fn without_mac(file: &[u8]) -> Vec<u8> {
    let (_, outer) = Any::from_ber(file).unwrap();
    let (after_version, _) = Any::from_ber(outer.data).unwrap();
    let (mac, _) = Any::from_ber(after_version).unwrap();
    der(0x30, &[&outer.data[..outer.data.len() - mac.len()]])
}

/// Every length left open, and strings in two chunks. The first string is the safe; what it holds is BER as well.
fn in_ber(mut der_values: &[u8], is_outside: bool) -> Vec<u8> {
    let mut ber = Vec::new();
    while let Ok((rest, value)) = Any::from_ber(der_values) {
        let tag = der_values[0];
        match tag {
            0x30 | 0xA0 => ber.extend([&[tag, 0x80], &*in_ber(value.data, is_outside), &[0, 0]].concat()),
            0x04 if is_outside => ber.extend(in_chunks(0x24, &in_ber(value.data, false))),
            0x04 => ber.extend(in_chunks(0x24, value.data)),
            0x80 => ber.extend(in_chunks(0xA0, value.data)),
            _ => ber.extend(&der_values[..der_values.len() - rest.len()]),
        }
        der_values = rest;
    }
    ber
}

fn in_chunks(tag: u8, content: &[u8]) -> Vec<u8> {
    let (first, second) = content.split_at(content.len() / 2);
    [&[tag, 0x80], der(0x04, &[first]).as_slice(), &der(0x04, &[second]), &[0, 0]].concat()
}

/// One DER value made of `parts`.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let length = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let head = match body.len() {
        0 => vec![tag, 0],
        1..128 => [&[tag], length].concat(),
        _ => [&[tag, 0x80 | u8::try_from(length.len()).unwrap()], length].concat(),
    };
    [head, body].concat()
}

fn mutate(file: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    if file.is_empty() {
        file.push(random.byte());
    }
    let at = random.below(file.len());
    match random.below(8) {
        0 => file[at] ^= 1 << random.below(8),
        1 => file[at] = random.byte(),
        2 => file.truncate(at),
        3 => drop(file.splice(at.., other[random.below(other.len() + 1)..].iter().copied())),
        4 => drop(file.splice(at..at, other[..random.below(other.len() + 1)].iter().copied())),
        5 => drop(file.drain(at..(at + random.below(64)).min(file.len()))),
        6 => edit_length(file, at, random),
        _ => edit_count(file, at, random),
    }
}

/// Sets a length at or behind `at`: off by one, zero, indefinite, or huge.
fn edit_length(file: &mut [u8], at: usize, random: &mut Random) {
    let is_tag = |byte: &u8| matches!(*byte, 0x30 | 0x31 | 0x04 | 0x24 | 0x80 | 0xA0);
    let Some(found) = file[at..].iter().position(is_tag) else {
        return;
    };
    let Some(length) = file.get_mut(at + found + 1) else {
        return;
    };
    *length = match random.below(6) {
        0 => length.wrapping_add(1),
        1 => length.wrapping_sub(1),
        2 => 0,
        3 => 0x80,
        4 => 0x84,
        _ => 0xFF,
    };
}

/// Sets an integer at or behind `at`, which may be a number of key-derivation rounds. No more than 8,191: what the
/// limits allow is much more, and would only make the test long.
fn edit_count(file: &mut [u8], at: usize, random: &mut Random) {
    const COUNTS: [[u8; 2]; 6] = [[0, 0], [0, 1], [0x1F, 0xFF], [0x80, 0], [0xFF, 0xFF], [0x10, 0]];
    let Some(found) = file[at..].windows(2).position(|head| head == [0x02, 0x02]) else {
        return;
    };
    if let Some(count) = file.get_mut(at + found + 2..at + found + 4) {
        count.copy_from_slice(&COUNTS[random.below(COUNTS.len())]);
    }
}

/// Everything that reads bytes reads these. The answer is the fate as PFX, or as a key for a key file.
fn read_all(file: &[u8], password: Option<&Password>, is_key: bool) -> String {
    let (kind, certificate) = (FileKind::of(file), Certificate::read(file));
    assert!(certificate.is_err() || kind != FileKind::Empty);
    let result = if is_key {
        // A damaged key may well be unable to sign.
        PrivateKey::read(file, password).map(|key| drop(key.sign_rsa_sha1(b"message")))
    } else {
        Pfx::open(file, password).map(|pfx| assert!(pfx.certificate.belongs_to(&pfx.key)))
    };
    result.map_or_else(|error| fate(&error), |()| "opens".to_owned())
}

/// The name of the error's variant.
fn fate(error: &Error) -> String {
    let text = format!("{error:?}");
    text.split(|character: char| !character.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// Every `step`-th mutant from `first` on: what became of how many.
fn run(seeds: &Seeds, first: u64, step: usize) -> BTreeMap<String, u32> {
    let mut fates = BTreeMap::new();
    for number in (first..MUTANTS).step_by(step) {
        let mut random = Random((number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let family = seeds.of(number);
        let (seed, other) = (&family[random.below(family.len())], &family[random.below(family.len())]);
        let mut file = seed.file.clone();
        for _ in 0..=random.below(3) {
            mutate(&mut file, &other.file, &mut random);
        }
        let (growth, fate) = heap_growth(|| read_all(&file, seed.password.as_ref(), number % 5 == 4));
        assert!(growth <= MAX_HEAP, "mutant {number} took {growth} bytes");
        *fates.entry(fate).or_insert(0) += 1;
    }
    fates
}

#[test]
fn a_hundred_thousand_mutants() {
    let (seeds, workers) = (Seeds::read(), thread::available_parallelism().map_or(2, usize::from));
    assert_eq!((seeds.pfx.len(), seeds.keys.len()), (42, 31));
    for seed in &seeds.ber {
        let opened = read_all(&seed.file, seed.password.as_ref(), false);
        assert!(["opens", "NoKey", "NoCertificate"].contains(&&*opened), "{opened}");
    }
    let mut fates = BTreeMap::<String, u32>::new();
    thread::scope(|scope| {
        let firsts = 0..u64::try_from(workers).unwrap();
        let runs: Vec<_> = firsts
            .map(|first| {
                scope.spawn({
                    let seeds = &seeds;
                    move || run(seeds, first, workers)
                })
            })
            .collect();
        for run in runs {
            run.join()
                .unwrap()
                .into_iter()
                .for_each(|(fate, count)| *fates.entry(fate).or_default() += count);
        }
    });
    assert_eq!(fates.values().sum::<u32>(), u32::try_from(MUTANTS).unwrap());
    // The mutants are the same on every run, and reach every part of the readers.
    for (fate, at_least) in [
        ("opens", 2_000),
        ("WrongPassword", 5_000),
        ("Damaged", 20_000),
        ("Truncated", 10_000),
        ("NotPfx", 200),
        ("UnsupportedAlgorithm", 300),
        ("KeyMismatch", 100),
        ("NoKey", 100),
        ("TooManyIterations", 1_000),
    ] {
        assert!(fates.get(fate).is_some_and(|count| *count >= at_least), "{fate}: {fates:#?}");
    }
}

/// Files of a mebibyte in which everything is nested, chopped or repeated as far as it goes.
fn huge_files() -> Vec<(&'static str, Vec<u8>)> {
    const HEAD: &[u8] = &[0x30, 0x80, 0x02, 0x01, 0x03];
    let filled = |head: &[u8], unit: &[u8]| {
        let count = (MAX_FILE - head.len()) / unit.len();
        [head, &unit.repeat(count)].concat()
    };
    let closed = |unit: &[u8]| {
        let body = unit.repeat((MAX_FILE - 16) / unit.len());
        der(0x30, &[&[0x02, 0x01, 0x03], &body])
    };
    let mut nested = vec![0x02, 0x01, 0x03];
    while nested.len() < 200_000 {
        nested = der(0x30, &[&[0x02, 0x01, 0x03], &nested]);
        nested = if nested.len() > 100_000 { der(0x24, &[&nested]) } else { nested };
    }
    vec![
        ("sequences without end", filled(HEAD, &[0x30, 0x80])),
        ("strings without end", filled(HEAD, &[0x24, 0x80])),
        ("many small parts", closed(&[0x05, 0x00])),
        ("many chopped strings", closed(&[0x24, 0x04, 0x04, 0x02, 0x30, 0x00])),
        ("many sequences that end at once", closed(&[0x30, 0x80, 0x00, 0x00])),
        ("many algorithms", closed(&[0x30, 0x07, 0x06, 0x03, 0x55, 0x04, 0x03, 0x05, 0x00])),
        ("nested as deep as it goes", nested),
        (
            "many PEM blocks",
            filled(
                b"",
                concat!("-----BEGIN ", "PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n").as_bytes(),
            ),
        ),
        ("PEM heads only", filled(b"", b"-----BEGIN CERTIFICATE-----\n")),
        (
            "one long PEM header",
            filled(concat!("-----BEGIN ", "PRIVATE KEY-----\nDEK-Info: ").as_bytes(), b"A,"),
        ),
        ("base 64", filled(b"", b"MIIC")),
    ]
}

#[test]
fn huge_files_are_refused_within_the_bound() {
    for (what, file) in huge_files() {
        for is_key in [false, true] {
            let (growth, fate) = heap_growth(|| read_all(&file, Some(&Password::new("x")), is_key));
            assert!(growth <= MAX_HEAP, "{what} took {growth} bytes");
            assert_ne!(fate, "opens", "{what}");
        }
    }
}
