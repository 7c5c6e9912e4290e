/// One numbered request, and what its reply must hold to count.
struct LoadRequest: Sendable {
  /// Unique in this process; the reply's `X-Request-ID` must repeat it.
  var number: Int
  /// Everything up to the first pause: the head, and the body of a quick request.
  var start: [UInt8]
  /// Pieces of a slow body, each sent after a pause.
  var pieces: [ArraySlice<UInt8>] = []
  /// Nanoseconds before each piece.
  var pause: Int64 = 0
  /// Texts that the reply's body must contain.
  var expected: [String]
  /// Whether repeating it changes nothing, so that it may be sent once more after a reused
  /// connection turned out to be closed.
  var isIdempotent: Bool
  /// Shown with a loss, such as `POST /api/v1/evaluate`.
  var title: String
}

/// What clients ask of Beacon.
struct BeaconTraffic: Sendable {
  /// `HOST:PORT`, for the Host field.
  var authority: String
  /// Bytes of an upload's body.
  var uploadSize = 32_768
  /// Pieces of an upload's body.
  var uploadPieces = 8
  /// Nanoseconds between two pieces.
  var uploadPause: Int64 = 50_000_000
  /// One in this many quick requests changes a flag; 0 means none.
  var writeEvery = 100

  /// A quick request: mostly evaluations, now and then a flag that is read or changed.
  func quick(_ number: Int, closing: Bool) -> LoadRequest {
    if writeEvery > 0, number % writeEvery == 0 { return change(number, closing) }
    return number % 10 == 5 ? reading(number, closing) : evaluation(number, closing)
  }

  /// A request whose body takes its time.
  func slow(_ number: Int) -> LoadRequest {
    let body = (0..<uploadSize).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number) }
    let size = max(1, uploadSize / max(1, uploadPieces))
    let pieces = stride(from: 0, to: body.count, by: size).map { start in
      body[start..<min(start + size, body.count)]
    }
    let path = "/api/v1/upload"
    return LoadRequest(
      number: number,
      start: head("PUT", path, number, length: body.count, closing: true), pieces: pieces,
      pause: uploadPause,
      expected: ["\"bytes\":\(body.count)", "\"digest\":\"\(BeaconTraffic.digest(body))\""],
      isIdempotent: true, title: "PUT \(path)")
  }

  private func evaluation(_ number: Int, _ closing: Bool) -> LoadRequest {
    let body = """
      {"requestID":"\(number)","flagKey":"welcome-banner","entityID":"user-\(number % 997)",\
      "context":{"country":"AT"}}
      """
    return request(
      "POST", "/api/v1/evaluate", number, body, closing,
      expected: ["\"requestID\":\"\(number)\"", "\"variantKey\":\"sunrise\""])
  }

  private func reading(_ number: Int, _ closing: Bool) -> LoadRequest {
    request(
      "GET", "/api/v1/flags/welcome-banner", number, "", closing,
      expected: ["\"key\":\"welcome-banner\"", "\"rolloutPercent\":100"])
  }

  /// Creating a flag that exists changes it, so repeating this is harmless.
  private func change(_ number: Int, _ closing: Bool) -> LoadRequest {
    let percent = number % 101
    let body = """
      {"requestID":"\(number)","key":"load-\(number / max(1, writeEvery) % 50)",\
      "name":"Changed by request \(number)","isEnabled":true,"rolloutPercent":\(percent)}
      """
    return request(
      "POST", "/api/v1/flags", number, body, closing,
      expected: ["\"requestID\":\"\(number)\"", "\"rolloutPercent\":\(percent)"])
  }

  private func request(
    _ method: String, _ path: String, _ number: Int, _ body: String, _ closing: Bool,
    expected: [String]
  ) -> LoadRequest {
    let head = head(method, path, number, length: body.utf8.count, closing: closing)
    return LoadRequest(
      number: number, start: head + body.utf8, expected: expected, isIdempotent: true,
      title: "\(method) \(path)")
  }

  private func head(
    _ method: String, _ path: String, _ number: Int, length: Int, closing: Bool
  ) -> [UInt8] {
    var text = "\(method) \(path) HTTP/1.1\r\nHost: \(authority)\r\nX-Request-ID: \(number)\r\n"
    if length > 0 {
      text += "Content-Type: application/json\r\nContent-Length: \(length)\r\n"
    }
    if closing { text += "Connection: close\r\n" }
    return Array((text + "\r\n").utf8)
  }

  /// FNV-1a of 64 bits in 16 digits, as Beacon answers it.
  private static func digest(_ bytes: [UInt8]) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
