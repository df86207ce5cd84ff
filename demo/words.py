"""The words that the city's systems use: what stands in their columns, as text."""

from __future__ import annotations

LEVELS = ("Mầm non", "Tiểu học", "THCS", "THPT", "GDTX")
KINDS = (
    "Trường mầm non",
    "Trường tiểu học",
    "Trường THCS",
    "Trường THPT",
    "Trung tâm GDTX",
    "Trường phổ thông có nhiều cấp học",
)
OWNERSHIP = ("Công lập", "Dân lập", "Tư thục")
SEX = ("Nam", "Nữ")
MOVEMENTS = ("Chuyển đến", "Chuyển đi", "Bỏ học", "Lưu ban")
RATINGS_PRIMARY = ("Hoàn thành xuất sắc", "Hoàn thành tốt", "Hoàn thành", "Chưa hoàn thành")
RATINGS_SECONDARY = ("Tốt", "Khá", "Đạt", "Chưa đạt")
EXAMS = ("Tuyển sinh lớp 10", "Thi tốt nghiệp THPT")
ROLES = ("Cán bộ quản lý", "Giáo viên", "Nhân viên")
QUALIFICATIONS = ("Tiến sĩ", "Thạc sĩ", "Đại học", "Cao đẳng", "Trung cấp")
CONTRACTS = (
    "Hợp đồng không xác định thời hạn",
    "Hợp đồng xác định thời hạn",
    "Hợp đồng thỉnh giảng",
)
SESSIONS = ("1 buổi/ngày", "2 buổi/ngày")

FACILITIES = (
    "Phòng học",
    "Phòng học bộ môn",
    "Phòng máy tính",
    "Thư viện",
    "Nhà đa năng",
    "Phòng y tế",
    "Bếp ăn",
    "Nhà vệ sinh học sinh",
    "Nhà vệ sinh giáo viên",
)
IT_FUNCTIONS = (
    "Quản lý học sinh",
    "Quản lý đội ngũ",
    "Thời khóa biểu",
    "Kiểm tra và đánh giá",
    "Học bạ số",
    "Quản lý cơ sở vật chất",
    "Thu học phí và các khoản thu",
    "Sổ liên lạc điện tử",
)
PROVIDERS = (
    "Doanh nghiệp viễn thông toàn quốc",
    "Doanh nghiệp viễn thông khu vực",
    "Mạng truyền số liệu chuyên dùng",
)

_PRIMARY = {
    "Tiếng Việt": (12, 10, 7, 7, 7),
    "Toán": (3, 5, 5, 5, 5),
    "Tiếng Anh": (2, 2, 4, 4, 4),
    "Đạo đức": (1, 1, 1, 1, 1),
    "Tự nhiên và Xã hội": (2, 2, 2, 0, 0),
    "Lịch sử và Địa lí": (0, 0, 0, 2, 2),
    "Khoa học": (0, 0, 0, 2, 2),
    "Tin học và Công nghệ": (0, 0, 2, 2, 2),
    "Giáo dục thể chất": (2, 2, 2, 2, 2),
    "Nghệ thuật": (2, 2, 2, 2, 2),
    "Hoạt động trải nghiệm": (3, 3, 3, 3, 3),
}
_LOWER = {
    "Ngữ văn": (4, 4, 4, 4),
    "Toán": (4, 4, 4, 4),
    "Tiếng Anh": (3, 3, 3, 3),
    "Giáo dục công dân": (1, 1, 1, 1),
    "Lịch sử và Địa lí": (3, 3, 3, 3),
    "Khoa học tự nhiên": (4, 4, 4, 4),
    "Công nghệ": (1, 1, 1.5, 1.5),
    "Tin học": (1, 1, 1, 1),
    "Giáo dục thể chất": (2, 2, 2, 2),
    "Nghệ thuật": (2, 2, 2, 2),
    "Hoạt động trải nghiệm": (3, 3, 3, 3),
    "Giáo dục địa phương": (1, 1, 1, 1),
}
_UPPER = {
    "Ngữ văn": (3, 3, 3),
    "Toán": (3, 3, 3),
    "Tiếng Anh": (3, 3, 3),
    "Lịch sử": (1.5, 1.5, 1.5),
    "Giáo dục thể chất": (2, 2, 2),
    "GDQP&AN": (1, 1, 1),
    "Hoạt động trải nghiệm": (3, 3, 3),
    "Giáo dục địa phương": (1, 1, 1),
    "Địa lí": (2, 2, 2),
    "GDKT&PL": (2, 2, 2),
    "Vật lí": (2, 2, 2),
    "Hóa học": (2, 2, 2),
    "Sinh học": (2, 2, 2),
    "Công nghệ": (2, 2, 2),
    "Tin học": (2, 2, 2),
}

ELECTIVES = {
    "Địa lí": 0.55,
    "GDKT&PL": 0.60,
    "Vật lí": 0.62,
    "Hóa học": 0.50,
    "Sinh học": 0.38,
    "Công nghệ": 0.30,
    "Tin học": 0.62,
}
"""Share of upper-secondary classes that take an elective (assumed)."""


def _lessons() -> dict[int, dict[str, float]]:
    result: dict[int, dict[str, float]] = {}
    for first, plan in ((2, _PRIMARY), (7, _LOWER), (11, _UPPER)):
        for subject, periods in plan.items():
            for offset, number in enumerate(periods):
                if number:
                    result.setdefault(first + offset, {})[subject] = float(number)
    return result


LESSONS = _lessons()
"""Grade index: {subject: lesson periods a week}, after the general education programme of 2018
(Circular 32/2018/TT-BGDĐT; a school year has 35 weeks)."""

SUBJECTS = tuple(dict.fromkeys(subject for plan in LESSONS.values() for subject in plan))

FEES = (
    "Học phí",
    "Tiền ăn bán trú",
    "Tổ chức phục vụ và quản lý bán trú",
    "Tổ chức dạy học buổi thứ hai",
    "Tăng cường ngoại ngữ",
    "Đưa rước học sinh",
)
SMART_STAGES = ("Đăng ký", "Thí điểm", "Vận hành", "Hoàn thành")

PAYMENT_CHANNELS = (
    "Chuyển khoản",
    "Mã QR",
    "Thẻ",
    "Ví điện tử",
    "Cổng Dịch vụ công",
    "Tiền mặt",
)
DOCUMENT_CHANNELS = ("Trục liên thông văn bản điện tử", "Thư điện tử công vụ", "Văn bản giấy")
DOCUMENT_TYPES = ("Văn bản hành chính", "Học bạ số", "Sổ điểm điện tử", "Sổ đầu bài")
USER_GROUPS = ("Học sinh", "Phụ huynh", "Giáo viên", "Cán bộ quản lý", "Nhân viên")
DOSSIER_CHANNELS = (
    "Trực tuyến",
    "Trực tiếp tại bộ phận một cửa",
    "Qua bưu chính công ích",
)
DELIVERIES = ("Nhận trực tiếp", "Qua bưu chính công ích", "Kết quả điện tử")
DOSSIER_STATES = ("Trước hạn", "Đúng hạn", "Quá hạn", "Đang giải quyết")
ONLINE_SERVICES = ("Cung cấp thông tin trực tuyến", "Một phần", "Toàn trình")
AUTHORITIES = ("Sở Giáo dục và Đào tạo", "UBND phường, xã, đặc khu")

PROCEDURES = (
    # code of the one-stop system, name, authority, online service, days, share of the dossiers
    ("GD-101", "Cho phép trường mẫu giáo, trường mầm non, nhà trẻ hoạt động", 1, 1, 15, 0.8),
    ("GD-102", "Thành lập nhóm trẻ, lớp mẫu giáo độc lập", 1, 1, 15, 3.0),
    ("GD-103", "Cho phép trường tiểu học hoạt động giáo dục", 1, 1, 15, 0.2),
    ("GD-104", "Cho phép trường trung học cơ sở hoạt động giáo dục", 1, 1, 15, 0.1),
    ("GD-105", "Cho phép trường trung học phổ thông hoạt động giáo dục", 0, 1, 20, 0.1),
    ("GD-106", "Cho phép trung tâm ngoại ngữ, tin học hoạt động giáo dục", 0, 1, 15, 2.0),
    ("GD-201", "Chuyển trường đối với học sinh tiểu học", 1, 2, 5, 22.0),
    ("GD-202", "Chuyển trường đối với học sinh trung học cơ sở", 1, 2, 5, 14.0),
    ("GD-203", "Chuyển trường đối với học sinh trung học phổ thông", 0, 2, 5, 6.0),
    ("GD-204", "Xin học lại tại trường khác đối với học sinh trung học", 0, 1, 5, 1.2),
    ("GD-301", "Đăng ký dự thi tốt nghiệp trung học phổ thông", 0, 2, 10, 4.0),
    ("GD-302", "Phúc khảo bài thi tốt nghiệp trung học phổ thông", 0, 2, 15, 1.5),
    ("GD-401", "Cấp bản sao văn bằng, chứng chỉ từ sổ gốc", 0, 2, 1, 34.0),
    ("GD-402", "Chỉnh sửa nội dung văn bằng, chứng chỉ", 0, 1, 5, 5.0),
    ("GD-403", "Công nhận văn bằng do cơ sở giáo dục nước ngoài cấp", 0, 2, 20, 4.5),
    ("GD-501", "Công nhận trường đạt chuẩn quốc gia", 0, 0, 30, 0.3),
    ("GD-502", "Cấp chứng nhận trường đạt kiểm định chất lượng giáo dục", 0, 0, 30, 0.3),
)
