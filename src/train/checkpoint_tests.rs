//! A saved state: read back exactly, or refused by name.

use burn::tensor::{Device, Tensor};

use super::*;

fn state() -> (Standing, FlatTensors) {
    let device = Device::flex();
    let tensor = |values: &[f32]| Tensor::<1>::from_floats(values, &device);
    let tensors = FlatTensors::from([
        ("encoder.a".to_string(), (vec![2, 2], tensor(&[1.0, f32::MIN_POSITIVE, -0.0, 1e30]))),
        ("first_moment.a".to_string(), (vec![4], tensor(&[0.1, 0.2, 0.3, 1e-42]))),
    ]);
    let metrics = EpochMetrics {
        epoch: 1,
        step: 7,
        learning_rate: 0.1 + 0.2,
        training_loss: 1.0 / 3.0,
        validation_correlation: None,
    };
    let trainer = TrainerPosition { step: 9, dropout_words: 72, moment_steps: [("a".to_string(), 9)].into() };
    let standing = Standing {
        settings: "hash".into(),
        epoch: 1,
        batch: 2,
        losses: vec![0.1, 3.3e-7],
        metrics: vec![metrics],
        trainer,
    };
    (standing, tensors)
}

#[test]
fn a_state_reads_back_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(folder.path());
    let (standing, tensors) = state();
    assert_eq!(write(&path, &standing, &tensors).unwrap(), Saved::Whole);
    let (found, saved) = read(&path).unwrap();
    assert_eq!(found, standing);
    assert_eq!(saved.len(), 2);
    for (name, (shape, tensor)) in &tensors {
        assert_eq!(&saved[name].shape, shape);
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&saved[name].values), bits(&tensors::values(tensor.clone())));
    }
    remove(folder.path()).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    remove(folder.path()).unwrap();
}

#[test]
fn a_change_of_any_byte_and_a_cut_at_any_length_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(folder.path());
    let (standing, tensors) = state();
    write(&path, &standing, &tensors).unwrap();
    let whole = fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        match read(&path) {
            Ok(found) => panic!("{found:?}"),
            Err(error) => {
                let said = error.to_string();
                assert!(said.contains("state.safetensors") && said.contains("delete it"), "{said}");
                assert!(said.chars().all(|c| !c.is_control()), "{said:?}");
            }
        }
    };
    for length in 0..whole.len() {
        refused(&whole[..length]);
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x11;
        // Spaces around JSON are the only bytes that mean nothing.
        if whole[at] != b' ' {
            refused(&bytes);
        }
    }
    refused(&[&whole[..], b"more"].concat());
}

#[test]
fn a_state_that_is_not_finite_leaves_the_last_good_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(folder.path());
    let (standing, mut tensors) = state();
    write(&path, &standing, &tensors).unwrap();
    let good = fs::read(&path).unwrap();
    let broken = Tensor::<1>::from_floats([f32::NAN], &Device::flex());
    tensors.insert("average.b".into(), (vec![1], broken));
    let found = write(&path, &Standing::default(), &tensors).unwrap();
    assert_eq!(found, Saved::NotFinite("average.b".into()));
    assert_eq!(fs::read(&path).unwrap(), good);
}
