import Testing
import WindlassSchema

struct DefinerFilterTests {
  private static let dump = """
    -- a dump
    INSERT INTO `t` VALUES ('CREATE DEFINER=`root`@`localhost` VIEW'),('x');
    /*!50001 CREATE ALGORITHM=UNDEFINED */
    /*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
    /*!50003 CREATE*/ /*!50017 DEFINER=`a``b`@`%`*/ /*!50003 TRIGGER g BEFORE INSERT ON t
    CREATE DEFINER=`role` PROCEDURE `p`()
      SELECT 'DEFINER=`root`@`localhost`' ;;
    /*!50106 CREATE*/ /*!50117 DEFINER=`root`@`localhost`*/ /*!50106 EVENT `e` DO SELECT 1 */ ;;
    CREATE DEFINER=root@localhost VIEW v AS SELECT 1;
    """
  private static let filtered = """
    -- a dump
    INSERT INTO `t` VALUES ('CREATE DEFINER=`root`@`localhost` VIEW'),('x');
    /*!50001 CREATE ALGORITHM=UNDEFINED */
    /*!50013  SQL SECURITY DEFINER */
    /*!50003 CREATE*/ /*!50017 */ /*!50003 TRIGGER g BEFORE INSERT ON t
    CREATE  PROCEDURE `p`()
      SELECT 'DEFINER=`root`@`localhost`' ;;
    /*!50106 CREATE*/ /*!50117 */ /*!50106 EVENT `e` DO SELECT 1 */ ;;
    CREATE DEFINER=root@localhost VIEW v AS SELECT 1;
    """

  private func pass(_ text: String, by size: Int) -> String {
    var filter = DefinerFilter()
    var output: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      output += filter.pass(rest.prefix(size))
      rest = rest.dropFirst(size)
    }
    return String(decoding: output + filter.end(), as: UTF8.self)
  }

  @Test(arguments: [1, 2, 7, 64, 100_000])
  func `definers go, in whatever pieces a dump comes`(size: Int) {
    #expect(pass(Self.dump, by: size) == Self.filtered)
  }

  @Test func `lines of any length pass unchanged`() {
    let long = String(repeating: "CREATE DEFINER ", count: 10_000)
    let text = "\(long)\n\n\(long)CREATE DEFINER=`a`@`b` \nend"
    for size in [1_000, 1_024, 1_025, 4_096] { #expect(pass(text, by: size) == text) }
  }
}
