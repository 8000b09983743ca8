//! Colours, as a theme writes them and as a terminal with fewer of them shows them.

use std::str::FromStr;

use super::terminal::Depth;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// The terminal's own.
    #[default]
    Default,
    /// 0 to 15: the tone is the person's choice.
    Ansi(u8),
    /// 16 to 255.
    Indexed(u8),
    Rgb(u8, u8, u8),
}

pub const ANSI_NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

/// What xterm shows for the 16, for comparing.
const ANSI_RGB: [[u8; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

/// The steps of the 6x6x6 cube from 16 to 231.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

impl Colour {
    pub fn numbered(number: u8) -> Self {
        if number < 16 { Self::Ansi(number) } else { Self::Indexed(number) }
    }

    pub fn rgb(self) -> Option<[u8; 3]> {
        match self {
            Self::Default => None,
            Self::Ansi(number) => Some(ANSI_RGB[usize::from(number % 16)]),
            Self::Indexed(number) => Some(indexed_rgb(number)),
            Self::Rgb(red, green, blue) => Some([red, green, blue]),
        }
    }

    /// The nearest that a terminal of that depth has.
    pub fn at(self, depth: Depth) -> Self {
        match (depth, self) {
            (Depth::Plain, _) => Self::Default,
            (Depth::True, _) | (_, Self::Default | Self::Ansi(_)) | (Depth::Indexed, Self::Indexed(_)) => self,
            (Depth::Indexed, Self::Rgb(red, green, blue)) => Self::Indexed(nearest_indexed([red, green, blue])),
            (Depth::Ansi, Self::Rgb(red, green, blue)) => Self::Ansi(nearest_ansi([red, green, blue])),
            (Depth::Ansi, Self::Indexed(number)) => Self::Ansi(nearest_ansi(indexed_rgb(number))),
        }
    }

    /// Neither black, white nor a grey: one of these as a background may be the terminal's own.
    pub fn has_hue(self) -> bool {
        self.rgb().is_some_and(|rgb| chroma(rgb) >= GREYISH)
    }
}

/// `"#7aa2f7"`, `"#7af"`, `"bright-red"`, `"default"`, or a number up to 255.
impl FromStr for Colour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let complain = || {
            format!("\"{text}\" is not a colour: write \"#7aa2f7\", a name like \"bright-red\", or a number up to 255")
        };
        if text == "default" {
            return Ok(Self::Default);
        }
        if let Some(number) = (0..16).find(|number| ANSI_NAMES[usize::from(*number)] == text) {
            return Ok(Self::Ansi(number));
        }
        let Some(digits) = text.strip_prefix('#') else {
            return text.parse().map(Self::numbered).map_err(|_| complain());
        };
        let digits: Vec<u8> = digits
            .chars()
            .map(|c| c.to_digit(16).map(|digit| digit as u8))
            .collect::<Option<_>>()
            .ok_or_else(complain)?;
        match digits[..] {
            [r, g, b] => Ok(Self::Rgb(r * 17, g * 17, b * 17)),
            [r, r2, g, g2, b, b2] => Ok(Self::Rgb(r * 16 + r2, g * 16 + g2, b * 16 + b2)),
            _ => Err(complain()),
        }
    }
}

fn indexed_rgb(number: u8) -> [u8; 3] {
    match number {
        0..16 => ANSI_RGB[usize::from(number)],
        16..232 => [(number - 16) / 36, (number - 16) / 6 % 6, (number - 16) % 6].map(|step| CUBE[usize::from(step)]),
        232.. => [8 + (number - 232) * 10; 3],
    }
}

fn nearest_indexed(rgb: [u8; 3]) -> u8 {
    (16..=255).min_by_key(|&number| distance(rgb, indexed_rgb(number))).expect("the range is not empty")
}

/// By "redmean", close to what the eye sees without a matrix.
fn distance(one: [u8; 3], other: [u8; 3]) -> i64 {
    let red_mean = (i64::from(one[0]) + i64::from(other[0])) / 2;
    let [red, green, blue] = [0, 1, 2].map(|i| i64::from(one[i]) - i64::from(other[i]));
    (512 + red_mean) * red * red + 1024 * green * green + (767 - red_mean) * blue * blue
}

/// Less between the strongest and the weakest part than this, and the eye sees a grey.
const GREYISH: u8 = 40;

fn chroma(rgb: [u8; 3]) -> u8 {
    let [red, green, blue] = rgb;
    red.max(green).max(blue) - red.min(green).min(blue)
}

/// By hue: by distance, every soft colour would be a grey, and the hue is what tells failing from healthy.
fn nearest_ansi(rgb: [u8; 3]) -> u8 {
    let strongest = rgb[0].max(rgb[1]).max(rgb[2]);
    if chroma(rgb) < GREYISH {
        return match strongest {
            0..72 => 0,
            72..180 => 8,
            180..230 => 7,
            230.. => 15,
        };
    }
    // Blue and green take less of the circle than their share: violet is seen as magenta, and turquoise as cyan.
    let hue = match hue(rgb) {
        30.0..80.0 => 3,
        80.0..155.0 => 2,
        155.0..200.0 => 6,
        200.0..250.0 => 4,
        250.0..335.0 => 5,
        _ => 1,
    };
    if strongest > 215 { hue + 8 } else { hue }
}

/// Degrees from red over green and blue.
fn hue(rgb: [u8; 3]) -> f64 {
    let [red, green, blue] = rgb.map(f64::from);
    let spread = f64::from(chroma(rgb)).max(1.0);
    let strongest = red.max(green).max(blue);
    let sixth = if strongest == red {
        (green - blue) / spread
    } else if strongest == green {
        (blue - red) / spread + 2.0
    } else {
        (red - green) / spread + 4.0
    };
    (sixth * 60.0).rem_euclid(360.0)
}

#[cfg(test)]
impl Colour {
    /// How well two can be told apart: from 1 (the same) to 21 (black and white), by WCAG 2. `None` where one is the terminal's own.
    pub fn contrast(self, other: Self) -> Option<f64> {
        let (one, other) = (luminance(self.rgb()?), luminance(other.rgb()?));
        Some((one.max(other) + 0.05) / (one.min(other) + 0.05))
    }
}

#[cfg(test)]
fn luminance(rgb: [u8; 3]) -> f64 {
    let [red, green, blue] = rgb.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        text.parse().expect(text)
    }

    #[test]
    fn a_colour_is_read_as_it_is_written() {
        assert_eq!(colour("#7af"), Colour::Rgb(0x77, 0xaa, 0xff));
        assert_eq!(colour("#7aa2F7"), Colour::Rgb(0x7a, 0xa2, 0xf7));
        assert_eq!(colour("bright-red"), Colour::Ansi(9));
        assert_eq!(colour("12"), Colour::Ansi(12));
        assert_eq!(colour("240"), Colour::Indexed(240));
        assert_eq!(colour("default"), Colour::Default);
        for wrong in ["", "#", "#12", "#ggg", "#1234567", "256", "-1", "crimson", "#äöü"] {
            assert!(wrong.parse::<Colour>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_256_and_the_16_colours_are_their_own_nearest() {
        for number in 16..=255 {
            let rgb = Colour::Rgb(indexed_rgb(number)[0], indexed_rgb(number)[1], indexed_rgb(number)[2]);
            assert_eq!(rgb.at(Depth::Indexed).rgb(), rgb.rgb(), "{number}");
        }
        let pure =
            ["#cd0000", "#00cd00", "#cdcd00", "#0000cd", "#cd00cd", "#00cdcd"].map(|text| colour(text).at(Depth::Ansi));
        assert_eq!(pure, [1, 2, 3, 4, 5, 6].map(Colour::Ansi));
    }

    #[test]
    fn a_soft_colour_keeps_its_hue_with_16_colours() {
        for (soft, number) in
            [("#ff7a85", 9), ("#9ece8a", 2), ("#e6c384", 11), ("#82aaff", 12), ("#c099ff", 13), ("#b3121f", 1)]
        {
            assert_eq!(colour(soft).at(Depth::Ansi), Colour::Ansi(number), "{soft}");
        }
        assert_eq!(colour("#8a94a6").at(Depth::Ansi), Colour::Ansi(8));
    }

    #[test]
    fn contrast_is_as_wcag_counts_it() {
        let contrast = |one, other| colour(one).contrast(colour(other)).unwrap();
        assert!((contrast("#000", "#fff") - 21.0).abs() < 0.01);
        assert!((contrast("#777", "#fff") - 4.48).abs() < 0.01, "{}", contrast("#777", "#fff"));
        assert_eq!(Colour::Default.contrast(colour("#fff")), None);
    }
}
