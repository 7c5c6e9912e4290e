import CurlTransport
import Testing
import WindlassCore
import WindlassWire

/// How a running operator says that it is.
struct StatusPage: Sendable {
  let port: UInt16
  private let transport: CurlTransport

  init(port: UInt16) throws {
    self.port = port
    transport = try CurlTransport()
  }

  /// The answer to a request for a path.
  func get(_ path: String) async throws -> (status: Int, text: String) {
    let answer = try await transport.send(
      HTTPRequest(url: "http://127.0.0.1:\(port)\(path)"),
      limits: HTTPLimits(bodySizeMax: 1_048_576, deadline: .seconds(20)))
    return (answer.status, String(decoding: answer.body, as: UTF8.self))
  }

  /// The figures, by name and labels as they stand in the text.
  func figures() async throws -> [String: Double] {
    let page = try await get("/metrics")
    #expect(page.status == 200)
    let lines = page.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    let pairs = lines.compactMap { line -> (String, Double)? in
      guard let blank = line.lastIndex(of: " "),
        let value = Double(line[line.index(after: blank)...])
      else { return nil }
      return (String(line[..<blank]), value)
    }
    #expect(pairs.count == lines.count, "a line is no figure: \(page.text)")
    return Dictionary(uniqueKeysWithValues: pairs)
  }
}
