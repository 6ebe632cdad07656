use std::sync::LazyLock;

/// What the bytes of a file are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// No codec makes it smaller.
    Noise,
    /// English-looking words, the frequent ones far more frequent than the rest.
    Words,
    /// What a linker makes: instructions of few shapes with small operands, strings, padding.
    Programs,
    /// Zeros that nobody declared a hole.
    Zeros,
}

impl Content {
    /// Fills `buf` from byte `position` of an endless content on.
    ///
    /// Contents repeat after [`POOL`] bytes, which is further than any codec sees at one time: made once, they cost a copy,
    /// and what is timed is the engine.
    pub(crate) fn fill(self, position: u64, mut buf: &mut [u8]) {
        let pool = match self {
            Self::Noise => &NOISE,
            Self::Words => &WORDS,
            Self::Programs => &PROGRAMS,
            Self::Zeros => return buf.fill(0),
        };
        let mut at = (position % POOL as u64) as usize;
        while !buf.is_empty() {
            let (part, rest) = buf.split_at_mut(buf.len().min(POOL - at));
            part.copy_from_slice(&pool[at..at + part.len()]);
            (at, buf) = (0, rest);
        }
    }
}

/// Random numbers from a seed: SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `end`, small ones more often: half of all are in the first eighth.
    fn skewed(&mut self, end: usize) -> usize {
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        // OK to cast: a number from 0 to below `end`.
        (unit.powi(3) * end as f64) as usize
    }
}

static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = Random(SEED);
    std::iter::repeat_with(|| random.next().to_le_bytes()).flatten().take(POOL).collect()
});

static WORDS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = Random(SEED + 1);
    let mut text = Vec::with_capacity(POOL + 128);
    write_words(&mut text, POOL, &mut random);
    text
});

static PROGRAMS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = Random(SEED + 2);
    let shapes: Vec<[u8; 4]> = (0..400).map(|_| (random.next() as u32).to_le_bytes()).collect();
    let mut program = Vec::with_capacity(POOL + SECTION);
    while program.len() < POOL {
        let start = program.len();
        while program.len() < start + CODE {
            write_instruction(&shapes, &mut program, &mut random);
        }
        write_words(&mut program, start + STRINGS, &mut random);
        program.resize(start + SECTION, 0);
    }
    program.truncate(POOL);
    program
});

/// Appends an instruction of one of `shapes`, or a sequence that was there before.
fn write_instruction(shapes: &[[u8; 4]], program: &mut Vec<u8>, random: &mut Random) {
    let drawn = random.next();
    if drawn.is_multiple_of(8) && program.len() > CODE {
        let from = program.len() - 1 - random.skewed(CODE - 64);
        let len = 8 + (drawn >> 32) as usize % 24;
        return program.extend_from_within(from.saturating_sub(len)..from);
    }
    let shape = random.skewed(shapes.len());
    program.extend(&shapes[shape][..2 + shape % 3]);
    match drawn >> 8 & 3 {
        // A distance, an address, a register, nothing.
        0 => program.push(random.skewed(256) as u8),
        1 => program.extend((random.skewed(1 << 14) as u32).to_le_bytes()),
        2 => program.push((drawn >> 32) as u8 & 0x38),
        _ => {}
    }
}

/// Appends text up to byte `end`.
fn write_words(text: &mut Vec<u8>, end: usize, random: &mut Random) {
    let mut vocabulary = Random(SEED + 3);
    let words: Vec<Vec<u8>> = (0..4096)
        .map(|_| {
            let syllables = 1 + vocabulary.next() as usize % 4;
            (0..syllables).flat_map(|_| *SYLLABLES[vocabulary.next() as usize % SYLLABLES.len()]).collect()
        })
        .collect();
    let mut column = 0;
    while text.len() < end {
        let word = &words[random.skewed(words.len())];
        text.extend(word);
        column += word.len() + 1;
        let ends_line = column > 72;
        text.push(if ends_line { b'\n' } else { b' ' });
        if ends_line {
            column = 0;
        }
    }
    text.truncate(end);
}

/// Bytes after which a content repeats.
pub(crate) const POOL: usize = 4 << 20;
/// What every corpus is made from.
const SEED: u64 = 0x00d1_5c17;
/// Where the code of a section ends, its strings, and the section.
const CODE: usize = 90 << 10;
const STRINGS: usize = 118 << 10;
const SECTION: usize = 128 << 10;

#[rustfmt::skip]
const SYLLABLES: [&[u8; 3]; 32] = [
    b"ter", b"ing", b"ion", b"ent", b"the", b"and", b"ous", b"pre", b"dis", b"con", b"ver", b"tab", b"log", b"net", b"sys", b"lib",
    b"key", b"dev", b"usr", b"bin", b"etc", b"var", b"run", b"tmp", b"map", b"set", b"get", b"put", b"end", b"ist", b"est", b"ard",
];
