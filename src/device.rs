//! Picks where the encoder runs, at run time. The only file that names backends: everything else works on
//! whatever [`Device`] it is given.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{Device, Tensor};

use crate::error::{Error, Result};

/// A device by name, as given with `--device`; it may not be compiled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// `cpu`: burn's flex, pure Rust, always there.
    #[default]
    Cpu,
    /// `tch`: libtorch on the CPU; `tch:0`: libtorch on that CUDA device.
    Tch(Option<usize>),
    /// `vulkan`: the best Vulkan device.
    Vulkan,
    /// `wgpu`: the best device of whatever graphics interface there is.
    Wgpu,
    /// `cuda:0`: that CUDA device.
    Cuda(usize),
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Tch(None) => f.write_str("tch"),
            Self::Tch(Some(index)) => write!(f, "tch:{index}"),
            Self::Vulkan => f.write_str("vulkan"),
            Self::Wgpu => f.write_str("wgpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (backend, index) = match text.split_once(':') {
            Some((backend, index)) => (backend, Some(index.parse::<usize>().ok())),
            None => (text, None),
        };
        match (backend, index) {
            ("cpu", None) => Ok(Self::Cpu),
            ("tch", None) => Ok(Self::Tch(None)),
            ("tch", Some(Some(index))) => Ok(Self::Tch(Some(index))),
            ("vulkan", None) => Ok(Self::Vulkan),
            ("wgpu", None) => Ok(Self::Wgpu),
            ("cuda", None) => Ok(Self::Cuda(0)),
            ("cuda", Some(Some(index))) => Ok(Self::Cuda(index)),
            _ => Err(Error::usage(format!(
                "no device is called \"{text}\"; there are cpu, tch, tch:N, vulkan, wgpu and cuda:N, N counting from 0"
            ))),
        }
    }
}

impl DeviceChoice {
    /// Opens the device and adds two numbers on it.
    ///
    /// # Errors
    /// [`Error::Usage`] when its backend was not compiled in; it names the feature to build with.
    /// [`Error::Failed`] when the machine has no such device or no driver for it.
    pub fn open(self) -> Result<Device> {
        let device = match self {
            Self::Cpu => return Ok(Device::flex()),
            Self::Tch(index) => open_tch(index)?,
            Self::Vulkan => open_vulkan()?,
            Self::Wgpu => open_wgpu()?,
            Self::Cuda(index) => open_cuda(index)?,
        };
        self.check(device)
    }

    /// Makes the device compute. The backends load drivers when they are first used, and panic when they can't.
    fn check(self, device: Device) -> Result<Device> {
        let quiet = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let sum = std::panic::catch_unwind(|| {
            Tensor::<1>::from_floats([1.0, 2.0], &device).sum().into_data().try_to_vec::<f32>()
        });
        std::panic::set_hook(quiet);
        match sum {
            Ok(Ok(values)) if values == [3.0] => Ok(device),
            Ok(other) => {
                Err(Error::Failed(format!("device {self} computes 1 + 2 = {other:?}; use --device cpu")))
            }
            Err(panic) => {
                let reason = panic.downcast_ref::<String>().map(String::as_str);
                let reason =
                    reason.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
                let reason = reason.lines().next().unwrap_or_default();
                Err(Error::Failed(format!(
                    "device {self} can't be opened: {reason}; see that it is there and its driver installed, or use \
                     --device cpu"
                )))
            }
        }
    }
}

#[cfg(feature = "tch")]
#[allow(deprecated)] // Upstream will drop libtorch; until then it is the fastest way on many machines.
fn open_tch(index: Option<usize>) -> Result<Device> {
    Ok(index.map_or_else(Device::libtorch, Device::libtorch_cuda))
}

#[cfg(not(feature = "tch"))]
fn open_tch(index: Option<usize>) -> Result<Device> {
    Err(missing(DeviceChoice::Tch(index), "tch"))
}

#[cfg(feature = "vulkan")]
fn open_vulkan() -> Result<Device> {
    Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice))
}

#[cfg(not(feature = "vulkan"))]
fn open_vulkan() -> Result<Device> {
    Err(missing(DeviceChoice::Vulkan, "vulkan"))
}

#[cfg(any(feature = "wgpu", feature = "vulkan"))]
fn open_wgpu() -> Result<Device> {
    Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice))
}

#[cfg(not(any(feature = "wgpu", feature = "vulkan")))]
fn open_wgpu() -> Result<Device> {
    Err(missing(DeviceChoice::Wgpu, "wgpu"))
}

#[cfg(feature = "cuda")]
fn open_cuda(index: usize) -> Result<Device> {
    Ok(Device::cuda(index))
}

#[cfg(not(feature = "cuda"))]
fn open_cuda(index: usize) -> Result<Device> {
    Err(missing(DeviceChoice::Cuda(index), "cuda"))
}

#[allow(dead_code)] // Unused only when every backend is compiled in.
fn missing(choice: DeviceChoice, feature: &str) -> Error {
    Error::usage(format!(
        "device {choice} was not compiled in; build with `cargo build --release --features {feature}`, or use --device cpu"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_name_reads_back_as_itself() {
        for name in ["cpu", "tch", "tch:1", "vulkan", "wgpu", "cuda:0"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn an_unknown_device_is_misuse_and_names_the_known_ones() {
        for name in ["gpu", "tch:x", "cpu:0", "cuda:-1", ""] {
            let error = name.parse::<DeviceChoice>().unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("cpu, tch, tch:N"), "{error}");
        }
    }

    #[test]
    fn the_cpu_is_always_there() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let sum: f32 = burn::tensor::Tensor::<1>::from_floats([1.0, 2.0], &device).sum().into_scalar();
        assert_eq!(sum, 3.0);
    }

    #[cfg(not(feature = "tch"))]
    #[test]
    fn a_device_that_was_left_out_names_the_feature_to_build_with() {
        let error = DeviceChoice::Tch(Some(0)).open().unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("tch:0 was not compiled in"), "{error}");
        assert!(error.to_string().contains("--features tch"), "{error}");
    }
}
