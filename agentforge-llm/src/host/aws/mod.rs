//! What AWS wants of a caller beside the protocol of its models: keys that sign every request, and a region.

mod keys;
mod sigv4;

pub use keys::AwsKeys;
pub(crate) use keys::{REGION_PLACE, in_region, region_of};
pub(crate) use sigv4::sign;
