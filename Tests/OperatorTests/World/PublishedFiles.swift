import WindlassWire

/// Serves what a publisher has published, from memory, to processes that live.
actor PublishedFiles {
  private var files: [String: [UInt8]] = [:]

  /// Adds files by their paths, over those of the same names.
  func publish(_ new: [String: [UInt8]]) { files.merge(new) { _, newer in newer } }

  fileprivate func file(_ path: String) -> [UInt8]? { files[path] }
}

/// Fetches published files for one operator.
struct PublisherTransport: HTTPTransport {
  let process: OperatorProcess
  let files: PublishedFiles

  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    await process.pass()
    guard !process.isDead else { throw HTTPError(.cancelled, "The process is dead.") }
    let path = request.url.dropFirst("http://manifests.invalid".count)
    guard let bytes = await files.file(String(path)) else {
      return HTTPResponse(status: 404, headers: [], body: [])
    }
    await process.pass()
    return HTTPResponse(status: 200, headers: [], body: bytes)
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    throw HTTPError(.badURL, "Nothing is streamed here.")
  }
}
