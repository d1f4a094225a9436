//! peakstream
fn main(){}
