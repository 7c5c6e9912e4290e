import WindlassCore
import WindlassWire

/// How the sample's servers answer when nothing is wrong.
enum SampleService {
  static func answer(_ question: RehearsalWorld.Question) -> HTTPResponse {
    switch (question.method, question.path) {
    case ("POST", "/flags"):
      let key = (try? JSONValue.parse(Array(question.body.utf8)))?["key"] ?? .null
      return reply(201, ["key": key])
    case ("POST", "/api/v1/evaluate"): return reply(200, ["enabled": true])
    case ("GET", let path) where path.hasPrefix("/flags/"):
      return reply(200, ["key": .string(String(path.dropFirst("/flags/".count)))])
    default: return reply(404, ["error": "there is no such path"])
    }
  }

  /// The answer of a server whose statement the database refuses.
  static let missingColumn = reply(
    500,
    [
      "error": "no such column: f.description",
      "query": "SELECT f.key, f.description\n  FROM flags AS f WHERE f.key = ?1",
    ])

  static func reply(_ status: Int, _ body: JSONValue) -> HTTPResponse {
    HTTPResponse(status: status, body: body.bytes)
  }
}
