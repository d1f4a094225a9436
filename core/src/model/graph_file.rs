//! The weights of an ONNX file, by name. The graph itself is not looked at: what is computed with them is written elsewhere.

use std::collections::HashMap;

use prost::Message;

/// ONNX's number for 32-bit floats (`TensorProto.DataType.FLOAT`).
const FLOAT: i32 = 1;

/// `ModelProto` of onnx.proto, as far as weights need it; what is not named here is passed over.
#[derive(Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
}

#[derive(Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
}

#[derive(Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(float, repeated, tag = "4")]
    float_data: Vec<f32>,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
}

/// Named weights.
pub(crate) struct Weights(HashMap<String, Weight>);

/// One of them.
pub(crate) struct Weight {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// Why a file has not the weights of a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WeightsError {
    /// Not an ONNX file.
    #[error("it is no ONNX file")]
    File,
    /// One is missing.
    #[error("it has no weights {0:?}")]
    Missing(String),
    /// One has another shape.
    #[error("its weights {name:?} are {found}, not {wanted}")]
    Shape {
        /// Which.
        name: String,
        /// Its shape.
        found: String,
        /// The network's.
        wanted: String,
    },
}

impl Weights {
    /// All 32-bit floats of an ONNX file.
    pub(crate) fn read(onnx: &[u8]) -> Result<Self, WeightsError> {
        let model = ModelProto::decode(onnx).map_err(|_| WeightsError::File)?;
        let graph = model.graph.ok_or(WeightsError::File)?;
        let floats = graph.initializer.into_iter().filter(|tensor| tensor.data_type == FLOAT);
        let named = |tensor: TensorProto| (tensor.name.clone(), Weight::of(&tensor));
        Ok(Self(floats.map(named).collect()))
    }

    /// As [`Weights::take`], of weights that a network may do without.
    pub(crate) fn take_if_any(
        &mut self,
        name: &str,
        wanted: &[usize],
    ) -> Result<Option<Vec<f32>>, WeightsError> {
        if self.0.contains_key(name) { self.take(name, wanted).map(Some) } else { Ok(None) }
    }

    /// The weights of that name, which must have that shape.
    pub(crate) fn take(&mut self, name: &str, wanted: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let found = self.0.remove(name).ok_or_else(|| WeightsError::Missing(name.to_owned()))?;
        if found.shape != wanted || found.values.len() != wanted.iter().product::<usize>() {
            let text = |shape: &[usize]| format!("{shape:?}");
            return Err(WeightsError::Shape {
                name: name.to_owned(),
                found: text(&found.shape),
                wanted: text(wanted),
            });
        }
        Ok(found.values)
    }
}

impl Weight {
    fn of(tensor: &TensorProto) -> Self {
        let shape = tensor.dims.iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect();
        let values = match tensor.float_data.is_empty() {
            true => tensor.raw_data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            false => tensor.float_data.clone(),
        };
        Self { shape, values }
    }
}
