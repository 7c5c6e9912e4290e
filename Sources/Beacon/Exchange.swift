import NIOHTTP1

/// A request as it arrives.
struct IncomingRequest {
  /// Bytes of a body that is kept; more is refused.
  static let bodySizeMax = 1_048_576
  /// Bytes of an upload, which is hashed and not kept.
  static let uploadSizeMax: Int64 = 67_108_864

  let head: HTTPRequestHead
  /// The path without its query.
  let path: String
  private(set) var body: [UInt8] = []
  private(set) var received: Int64 = 0
  private(set) var digest = FNV1a()

  init(head: HTTPRequestHead) {
    self.head = head
    path = String(head.uri.prefix { $0 != "?" })
  }

  /// Whether the body is hashed as it arrives, and not kept.
  var isUpload: Bool { path == "/api/v1/upload" }

  /// Whether more arrived than is taken.
  var isTooLarge: Bool {
    received > (isUpload ? IncomingRequest.uploadSizeMax : Int64(IncomingRequest.bodySizeMax))
  }

  /// Takes the next bytes of the body.
  mutating func receive(_ bytes: some Collection<UInt8>) {
    received += Int64(bytes.count)
    if isUpload {
      digest.add(bytes)
    } else if !isTooLarge {
      body.append(contentsOf: bytes)
    }
  }
}

/// A whole reply.
struct Reply: Sendable {
  var status: HTTPResponseStatus
  /// JSON.
  var body: [UInt8]
}
