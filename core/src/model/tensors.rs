//! Weights by name and shape out of a safetensors file.

use safetensors::tensor::{Dtype, SafeTensors};

/// Why weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TensorError {
    #[error("{0}")]
    File(#[from] safetensors::SafeTensorError),
    #[error("tensor {name} is {found}, expected {expected}")]
    Shape { name: String, found: String, expected: String },
    #[error("{0}")]
    Unexpected(&'static str),
}

/// An open file of tensors.
pub(crate) struct Tensors<'a> {
    file: SafeTensors<'a>,
}

impl<'a> Tensors<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, TensorError> {
        Ok(Self { file: SafeTensors::deserialize(bytes)? })
    }

    /// The f32 values of a tensor that must have this shape.
    pub(crate) fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TensorError> {
        let tensor = self.file.tensor(name)?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
            return Err(TensorError::Shape {
                name: name.to_owned(),
                found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
                expected: format!("F32 {shape:?}"),
            });
        }
        Ok(tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }
}
