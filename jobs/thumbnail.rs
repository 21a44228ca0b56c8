//! Lesson: two grants, one to read from and one to write to, and nothing else of the file system.
//!
//! Decoders of images are a classic way into a server; here a broken one breaks this run only.
//! The picture's proportions are kept, and it is never enlarged.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use ampule_guest::{JobError, Schema, job};
use image::{DynamicImage, ImageFormat, ImageReader};
use serde::{Deserialize, Serialize};

/// How the thumbnail is written.
#[derive(Clone, Copy, Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
enum Format {
    Png,
    /// Without transparency.
    Jpeg,
}

/// What was written.
#[derive(Debug, Serialize, Schema)]
struct Thumbnail {
    path: PathBuf,
    bytes: usize,
    /// Width and height in pixels.
    size: (u32, u32),
    /// Width and height of the picture.
    original_size: (u32, u32),
}

/// Writes a small copy of a PNG or JPEG picture.
#[job]
fn thumbnail(
    /// The picture.
    #[default("/data/picture.png")]
    path: PathBuf,
    /// The directory to write to.
    #[default("/out")]
    out: PathBuf,
    /// The longer side, in pixels.
    #[default(96)]
    side: u32,
    #[default(Format::Png)] format: Format,
) -> Result<Thumbnail, JobError> {
    let picture = read(&path)?;
    let small = shrink(&picture, side.max(1));
    let bytes = encode(&small, format)?;
    let target = target(&path, &out, format);
    std::fs::write(&target, &bytes).map_err(|error| failed("unwritable_file", &target, &error))?;
    Ok(Thumbnail {
        path: target,
        bytes: bytes.len(),
        size: (small.width(), small.height()),
        original_size: (picture.width(), picture.height()),
    })
}

/// Goes by the first bytes of the file: a name may be wrong.
fn read(path: &Path) -> Result<DynamicImage, JobError> {
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let reader = reader.map_err(|error| failed("unreadable_file", path, &error))?;
    reader.decode().map_err(|error| failed("bad_picture", path, &error))
}

fn shrink(picture: &DynamicImage, side: u32) -> DynamicImage {
    match picture.width().max(picture.height()) > side {
        true => picture.thumbnail(side, side),
        false => picture.clone(),
    }
}

fn encode(picture: &DynamicImage, format: Format) -> Result<Vec<u8>, JobError> {
    let mut bytes = Cursor::new(Vec::new());
    match format {
        Format::Png => picture.write_to(&mut bytes, ImageFormat::Png),
        Format::Jpeg => picture.to_rgb8().write_to(&mut bytes, ImageFormat::Jpeg),
    }?;
    Ok(bytes.into_inner())
}

/// `/data/picture.png` becomes `/out/picture.thumbnail.jpeg`.
fn target(path: &Path, out: &Path, format: Format) -> PathBuf {
    let extension = match format {
        Format::Png => "thumbnail.png",
        Format::Jpeg => "thumbnail.jpeg",
    };
    out.join(path.file_name().unwrap_or_default()).with_extension(extension)
}

fn failed(type_name: &str, path: &Path, error: &dyn std::error::Error) -> JobError {
    JobError::new(type_name, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_is_the_one_asked_for() {
        let small = shrink(&DynamicImage::new_rgb8(300, 150), 100);
        assert_eq!((small.width(), small.height()), (100, 50));
    }

    #[test]
    fn a_small_picture_keeps_its_size() {
        let small = shrink(&DynamicImage::new_rgb8(30, 15), 100);
        assert_eq!((small.width(), small.height()), (30, 15));
    }

    #[test]
    fn a_transparent_picture_can_be_a_jpeg() {
        let bytes = encode(&DynamicImage::new_rgba8(8, 8), Format::Jpeg).unwrap();
        assert_eq!(image::guess_format(&bytes).unwrap(), ImageFormat::Jpeg);
    }

    #[test]
    fn the_target_is_named_after_the_picture() {
        let target = target(Path::new("/data/a.png"), Path::new("/out"), Format::Jpeg);
        assert_eq!(target, Path::new("/out/a.thumbnail.jpeg"));
    }

    #[test]
    fn the_picture_beside_this_file_can_be_read() {
        let picture = read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/input/picture.png"))).unwrap();
        assert_eq!((picture.width(), picture.height()), (480, 320));
    }
}
