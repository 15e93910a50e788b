//! The description of the interface (`OpenAPI` 3.1): checked in, compiled in, and held to the routes by tests.

/// The document: its frame (`openapi/frame.json`) and the schemas of the command language, put together by the test `openapi`.
pub const TEXT: &str = include_str!("../openapi.json");
